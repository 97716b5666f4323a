/* The smallest agent that can be supervised: answers every request with {"status":"ok"}.

   agent PORT REPORT_PORT MODE

   Tells 127.0.0.1:REPORT_PORT by datagram "PORT PID start" with its first instruction and
   "PORT PID serving" once it listens. MODE: plain; stubborn (ignores TERM, and so does a child in a
   session of its own); flood (after a second a child writes to standard output as fast as it can
   for FLOOD_SECONDS, and reports "PORT PID flooding" and "PORT PID flooded BYTES"); telling (the same
   with lines that hold secrets); aside (the same as flood into a pipe that another child reads and
   forgets). agent.py is the same for machines without a C compiler. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FLOOD_SECONDS 10

static int port, report_port;

static void report(const char *what) {
    char text[64];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(report_port)};
    int out = socket(AF_INET, SOCK_DGRAM, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int size = snprintf(text, sizeof text, "%d %d %s", port, (int)getpid(), what);
    sendto(out, text, size, 0, (struct sockaddr *)&to, sizeof to);
    close(out);
}

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

/* 100 bytes each. */
static const char plain[] = "INFO a line as a chatty service writes them, about one hundred bytes "
                            "in all, over and over and over\n";
static const char telling[] = "INFO GET /prices?symbol=AAPL&token=abcdefgh12345678 key=zzz for the "
                              "secretary, a cookie: 1; 12 ms..\n";

static void flood(int out, const char *line) {
    static char block[65500], told[64];
    for (size_t at = 0; at < sizeof block; at++) block[at] = line[at % 100];
    sleep(1);
    report("flooding");
    double until = now() + FLOOD_SECONDS;
    long done = 0;
    while (now() < until) {
        ssize_t written = write(out, block, sizeof block);
        if (written <= 0) return;
        done += written;
    }
    snprintf(told, sizeof told, "flooded %ld", done);
    report(told);
}

/* Return a pipe that a child of its own reads and forgets. */
static int forget(void) {
    static char block[65536];
    int ends[2];
    if (pipe(ends)) return -1;
    if (fork() == 0) {
        close(ends[1]);
        while (read(ends[0], block, sizeof block) > 0) { /* forgotten */ }
        _exit(0);
    }
    close(ends[0]);
    return ends[1];
}

/* What the agent's child does; it holds no port. */
static void be_child(const char *mode) {
    if (strcmp(mode, "stubborn") == 0) {
        setsid();
        report("child");
    } else {
        flood(strcmp(mode, "aside") == 0 ? forget() : 1,
              strcmp(mode, "telling") == 0 ? telling : plain);
    }
    for (;;) pause();
}

int main(int count, char **words) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                 "Content-Length: 15\r\nConnection: close\r\n\r\n{\"status\":\"ok\"}";
    char request[4096];
    int yes = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET};
    if (count < 4) return 2;
    port = atoi(words[1]);
    report_port = atoi(words[2]);
    report("start");
    signal(SIGPIPE, SIG_IGN);
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 128)) return 1;
    report("serving");
    if (strcmp(words[3], "stubborn") == 0) signal(SIGTERM, SIG_IGN);
    if (strcmp(words[3], "plain") != 0 && fork() == 0) {
        close(listener);
        be_child(words[3]);
    }
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0) continue;
        if (read(client, request, sizeof request) > 0) {
            if (write(client, answer, sizeof answer - 1) < 0) { /* it left */ }
        }
        close(client);
    }
}
