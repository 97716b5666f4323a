/* The smallest agent that can be supervised: answers every request with {"status":"ok"}.

   agent PORT REPORT_PORT MODE

   Tells 127.0.0.1:REPORT_PORT by datagram "PORT PID start" with its first instruction and
   "PORT PID serving" once it listens. MODE: plain; stubborn (ignores TERM, and so does a child in a
   session of its own); flood (a child writes FLOOD_BYTES to standard output as fast as it can, then
   reports "PORT PID flooded"). agent.py is the same for machines without a C compiler. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLOOD_BYTES (1024L * 1024 * 1024)

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

static void flood(void) {
    static char block[65536];
    memset(block, 'x', sizeof block);
    for (size_t at = 99; at < sizeof block; at += 100) block[at] = '\n';
    sleep(1);
    report("flooding");
    for (long done = 0; done < FLOOD_BYTES;) {
        ssize_t written = write(1, block, sizeof block);
        if (written <= 0) return;
        done += written;
    }
    report("flooded");
}

/* What the agent's child does; it holds no port. */
static void be_child(const char *mode) {
    if (strcmp(mode, "stubborn") == 0) {
        setsid();
        report("child");
    } else {
        flood();
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
