# an END_REQUEST longer than its place is kept whole
s/content_size != sizeof(client->end)/content_size < sizeof(client->end)/
