/* checked.h - the library's own check of a map, for targets that have one. */
#ifndef CHECKED_H
#define CHECKED_H

#include <asyncore.h>

/* The library's messages go nowhere from here on. */
void keep_quiet(void);
/* Fails with what asyncore_check() says, if it finds something. */
void check_map(const struct asyncore_map *map);

#endif
