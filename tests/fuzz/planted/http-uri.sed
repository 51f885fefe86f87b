# "%4" at the end reads one byte too far
s/raw.size - \*i < 3/raw.size - *i < 2/
