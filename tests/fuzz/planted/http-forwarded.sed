# an element that the ring has lost is given as another hop
s/ || hop >= FORWARDED_HOPS_MAX//
