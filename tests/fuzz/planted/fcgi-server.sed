# a pair of GET_VALUES may lead out of its record
s/ || fcgi_lengths_pair_size(&lengths) > size)$/)/
