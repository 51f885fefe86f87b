# data behind the input is given out
s/MIN2((uint64_t)(size - used), chunked->left)/MIN2((uint64_t)size, chunked->left)/
