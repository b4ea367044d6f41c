/*
 * A wrong clock for some processes: CLOCK_REALTIME, gettimeofday and time are off by what a file says (a signed 64-bit number of
 * seconds), while monotonic clocks go on. It takes effect at once, as a real step of the clock does.
 *
 * Only a gateway is meant: processes whose command line has an argument "run", or ends in "-room.ts". A gateway's rooms get
 * nothing of the environment, so this is loaded by way of /etc/ld.so.preload, in a mount namespace of its own.
 *
 * cc -shared -fPIC -O2 -DOFFSET_FILE='"/path"' -o wrong-clock.so wrong-clock.c
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int64_t right = 0;
static const volatile int64_t *offset_s = &right;

static int is_meant(void) {
  static char line[65536];
  int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  ssize_t length = file < 0 ? 0 : read(file, line, sizeof line - 1);
  close(file);
  for (ssize_t at = 0; at < length; at += strlen(line + at) + 1) {
    const char *word = line + at;
    size_t letters = strlen(word);
    if (strcmp(word, "run") == 0 || (letters > 8 && strcmp(word + letters - 8, "-room.ts") == 0)) {
      return 1;
    }
  }
  return 0;
}

__attribute__((constructor)) static void begin(void) {
  if (!is_meant()) {
    return;
  }
  int file = open(OFFSET_FILE, O_RDONLY | O_CLOEXEC);
  void *mapped = mmap(NULL, sizeof *offset_s, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (mapped != MAP_FAILED) {
    offset_s = mapped;
  }
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  if (real == NULL) {
    real = dlsym(RTLD_NEXT, "clock_gettime");
  }
  int result = real(clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    now->tv_sec += *offset_s;
  }
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone;
  struct timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *result) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (result != NULL) {
    *result = now.tv_sec;
  }
  return now.tv_sec;
}
