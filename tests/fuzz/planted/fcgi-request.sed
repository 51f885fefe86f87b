# 128 is written in one byte, which begins a length of four
s/if (length < 0x80)/if (length <= 0x80)/
