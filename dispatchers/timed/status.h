/* status.h - what timed has done until now, for whoever started it: systemctl status shows it. */
#ifndef TIMED_STATUS_H
#define TIMED_STATUS_H

/* Says it by notify.h, if anybody wants to hear, now and every 15 seconds.  Returns 0 or a negative errno. */
int timed_status_begin(void);
void timed_status_end(void);

#endif
