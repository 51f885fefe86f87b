# one field too many
s/n_headers == HTTP_RESPONSE_HEADERS_MAX/n_headers > HTTP_RESPONSE_HEADERS_MAX/
