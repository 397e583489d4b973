/* program.c - what a user's first program would be: does the library that it found work? */
#include <asynchat.h>
#include <stdio.h>

int main(void)
{
    struct asyncore_dispatcher d;

    if (asyncore_init(&d, &asyncore_dispatcher_class, -1, NULL) < 0 ||
        asyncore_create_socket(&d, AF_INET, SOCK_STREAM) < 0 || asyncore_map_count(NULL) != 1)
        return 1;
    asyncore_map_free(NULL);
    return puts(asyncore_version()) < 0;
}
