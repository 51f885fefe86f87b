# a second Content-Length is taken
s/if (\*slot)$/if (*slot \&\& *slot == header)/
