/* Reads a terminal's master as fast as a loop can: `reader DESCRIPTOR BYTES`. Prints what it took, as JSON. */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

int main(int count, char **words) {
  static char buffer[64 << 10];
  if (count != 3) return 2;
  struct pollfd master = {.fd = atoi(words[1]), .events = POLLIN};
  long long wanted = atoll(words[2]), got = 0;
  double start = seconds(CLOCK_MONOTONIC);
  while (got < wanted) {
    ssize_t length = read(master.fd, buffer, sizeof buffer);
    if (length > 0) got += length;
    else if (length < 0 && errno == EAGAIN) poll(&master, 1, -1);
    else break;
  }
  printf("{\"bytes\": %lld, \"seconds\": %f, \"cpu\": %f}\n", got, seconds(CLOCK_MONOTONIC) - start,
         seconds(CLOCK_PROCESS_CPUTIME_ID));
  return 0;
}
