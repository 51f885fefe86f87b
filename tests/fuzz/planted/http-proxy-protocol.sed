# the length of a TLV may lead out of the header
s/if ((size_t)(end - p) - 3 < size)/if ((size_t)(end - p) < size)/
