// A scripted OpenAI-compatible upstream that costs next to nothing: one thread, epoll, no dependencies.
//
//     upstream PORT [MODEL ...]            listens on the loopback; GET /v1/models lists the names given
//
// A request's model name says how it is answered:
// mock-n<tokens>-g<gap ms>-t<ms to the first token>-b<batch>-w<waits>-p<pauses after so many tokens>
//     mock-n500-g20-t0       500 tokens, one each 20 ms
//     mock-n500-g20-w1       the same, but silent until the next GET /release, whatever -t says
//     mock-n500-g20-p1       the same, but silent after its first token until the next GET /release
//     mock-n20000-g0-t0      20000 tokens as fast as the reader takes them, `batch` (1) of them in one send
//
// A token's text is "@hhhhhhhh ": the microseconds of CLOCK_MONOTONIC, modulo 2^32, at the moment of sending. A
// client on the same machine knows from it how long the token travelled.
//
// GET /release lets all who wait begin, one after the other within a gap, so that their tokens do not come in bursts.
// GET /stats answers what happened since the last GET /reset: `latest_us` is how late a paced token left at worst,
// `aborted_us` when the last reader hung up, in microseconds of the same clock.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_EVENTS = 512, STEPS_PER_ROUND = 4096, RETRY_US = 200 };

typedef struct {
    char *data;
    size_t length, capacity, consumed;
} Buffer;

typedef struct {
    int socket;
    int place;  // in the schedule, -1 when not in it
    bool waits_to_write, streaming, usage_wanted, head_sent;
    uint64_t due_us, gap_us;
    uint32_t tokens, sent, pause;
    int batch;
    char model[96];
    Buffer in, out;
    Buffer before_token;  // a token's HTTP chunk up to its text
} Connection;

static const char AFTER_TOKEN[] = "\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n\r\n";
static const char STREAM_HEAD[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                                  "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
static const char CHUNK_START[] = "data: {\"id\":\"chatcmpl-mock00000000000000000000000001\","
                                  "\"object\":\"chat.completion.chunk\",\"created\":1790000000,\"model\":\"%s\","
                                  "\"system_fingerprint\":\"fp_mock\",\"choices\":[";
enum { TOKEN_LENGTH = 10 };
static const uint64_t NEVER_US = UINT64_MAX;  // when those that wait for their release are due

static int poller;
static char **models;
static int model_count;
static Connection **schedule;  // a heap: the connection that is due first is schedule[0]
static int scheduled, schedule_capacity;
static struct {
    uint64_t accepted, requests, done, aborted, tokens, open, latest_us, aborted_us;
} stats;

static uint64_t now_us(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static void append(Buffer *buffer, const void *data, size_t length) {
    if (buffer->length + length + 1 > buffer->capacity) {
        buffer->capacity = (buffer->length + length) * 2 + 4096;
        buffer->data = realloc(buffer->data, buffer->capacity);
        if (!buffer->data) abort();
    }
    memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
    buffer->data[buffer->length] = 0;
}

// --- the schedule -------------------------------------------------------------------------------------------------

static void place(Connection *connection, int index) {
    schedule[index] = connection;
    connection->place = index;
}

static void swap_places(int one, int other) {
    Connection *kept = schedule[one];
    place(schedule[other], one);
    place(kept, other);
}

static void move_forward(int index) {
    while (index > 0 && schedule[(index - 1) / 2]->due_us > schedule[index]->due_us) {
        swap_places(index, (index - 1) / 2);
        index = (index - 1) / 2;
    }
}

static void move_back(int index) {
    for (;;) {
        int first = index;
        for (int child = 2 * index + 1; child <= 2 * index + 2 && child < scheduled; child++)
            if (schedule[child]->due_us < schedule[first]->due_us) first = child;
        if (first == index) return;
        swap_places(index, first);
        index = first;
    }
}

static void enter_schedule(Connection *connection) {
    if (scheduled == schedule_capacity) {
        schedule_capacity = schedule_capacity ? schedule_capacity * 2 : 1024;
        schedule = realloc(schedule, (size_t)schedule_capacity * sizeof *schedule);
        if (!schedule) abort();
    }
    place(connection, scheduled++);
    move_forward(connection->place);
}

static void leave_schedule(Connection *connection) {
    int index = connection->place;
    if (index < 0) return;
    connection->place = -1;
    if (index == --scheduled) return;
    place(schedule[scheduled], index);
    move_forward(index);
    move_back(index);
}

// Those that wait are due from now on, spread over one gap.
static void release_all(void) {
    uint64_t now = now_us(), waiting = 0, released = 0;
    for (int i = 0; i < scheduled; i++) waiting += schedule[i]->due_us == NEVER_US;
    for (int i = 0; i < scheduled; i++)
        if (schedule[i]->due_us == NEVER_US)
            schedule[i]->due_us = now + schedule[i]->gap_us * released++ / waiting;
    for (int i = scheduled / 2; i-- > 0;) move_back(i);
}

// --- sending ------------------------------------------------------------------------------------------------------

static void watch(Connection *connection, bool writing) {
    connection->waits_to_write = writing;
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | (writing ? EPOLLOUT : 0), .data.ptr = connection};
    epoll_ctl(poller, EPOLL_CTL_MOD, connection->socket, &event);
}

// False when the connection has died.
static bool flush(Connection *connection) {
    Buffer *out = &connection->out;
    while (out->consumed < out->length) {
        ssize_t sent = send(connection->socket, out->data + out->consumed, out->length - out->consumed,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            out->consumed += (size_t)sent;
        } else if (errno == EAGAIN) {
            if (!connection->waits_to_write) watch(connection, true);
            return true;
        } else if (errno != EINTR) {
            return false;
        }
    }
    out->consumed = out->length = 0;
    if (connection->waits_to_write) watch(connection, false);
    return true;
}

static void append_http_chunk(Connection *connection, const char *data) {
    char size[24];
    int length = sprintf(size, "%zx\r\n", strlen(data));
    append(&connection->out, size, (size_t)length);
    append(&connection->out, data, strlen(data));
    append(&connection->out, "\r\n", 2);
}

static void append_event(Connection *connection, const char *rest) {
    char event[1024];
    int length = snprintf(event, sizeof event, CHUNK_START, connection->model);
    snprintf(event + length, sizeof event - (size_t)length, "%s\n\n", rest);
    append_http_chunk(connection, event);
}

static void append_token(Connection *connection) {
    static const char digits[] = "0123456789abcdef";
    char text[TOKEN_LENGTH] = "@00000000 ";
    uint32_t stamp = (uint32_t)now_us();
    for (int i = 0; i < 8; i++) text[1 + i] = digits[stamp >> (28 - 4 * i) & 15];
    append(&connection->out, connection->before_token.data, connection->before_token.length);
    append(&connection->out, text, sizeof text);
    append(&connection->out, AFTER_TOKEN, sizeof AFTER_TOKEN - 1);
    connection->sent++;
    stats.tokens++;
}

static void append_end(Connection *connection) {
    append_event(connection, "{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}");
    if (connection->usage_wanted) {
        char usage[160];
        sprintf(usage, "],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":%u,\"total_tokens\":%u}}",
                connection->tokens, connection->tokens + 12);
        append_event(connection, usage);
    }
    append_http_chunk(connection, "data: [DONE]\n\n");
    append(&connection->out, "0\r\n\r\n", 5);
    connection->streaming = false;
    stats.open--;
    stats.done++;
    leave_schedule(connection);
}

// Sends what is due. False when the connection has died.
static bool step(Connection *connection) {
    if (!connection->head_sent) append(&connection->out, STREAM_HEAD, sizeof STREAM_HEAD - 1);
    connection->head_sent = true;
    if (connection->sent == 0)
        append_event(connection, "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
                                 "\"logprobs\":null,\"finish_reason\":null}]}");
    int due = connection->gap_us ? 1 : connection->batch;
    while (due-- > 0 && connection->sent < connection->tokens) append_token(connection);
    if (connection->sent >= connection->tokens) append_end(connection);
    return flush(connection);
}

// --- requests -----------------------------------------------------------------------------------------------------

static void answer(Connection *connection, const char *status, const char *body) {
    char head[160];
    int length = sprintf(head, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", status,
                         strlen(body));
    append(&connection->out, head, (size_t)length);
    append(&connection->out, body, strlen(body));
}

static void answer_stats(Connection *connection) {
    char body[500];
    sprintf(body,
            "{\"accepted\":%" PRIu64 ",\"requests\":%" PRIu64 ",\"done\":%" PRIu64 ",\"aborted\":%" PRIu64
            ",\"tokens\":%" PRIu64 ",\"open\":%" PRIu64 ",\"latest_us\":%" PRIu64 ",\"aborted_us\":%" PRIu64 "}",
            stats.accepted, stats.requests, stats.done, stats.aborted, stats.tokens, stats.open, stats.latest_us,
            stats.aborted_us);
    answer(connection, "200 OK", body);
}

static void answer_models(Connection *connection) {
    Buffer list = {0};
    append(&list, "{\"object\":\"list\",\"data\":[", 25);
    for (int i = 0; i < model_count; i++) {
        char entry[200];
        int length = snprintf(entry, sizeof entry, "%s{\"id\":\"%.90s\",\"object\":\"model\",\"owned_by\":\"mock\"}",
                              i ? "," : "", models[i]);
        append(&list, entry, (size_t)length);
    }
    append(&list, "]}", 2);
    answer(connection, "200 OK", list.data);
    free(list.data);
}

// The number behind "-<key>" in a model name.
static double option(const char *model, char key, double otherwise) {
    const char start[3] = {'-', key, 0};
    for (const char *found = model; (found = strstr(found, start)); found++)
        if (found[2] >= '0' && found[2] <= '9') return atof(found + 2);
    return otherwise;
}

static bool is_true(const char *json, const char *name) {
    const char *found = strstr(json, name);
    return found && !strncmp(found + strlen(name) + strspn(found + strlen(name), ": "), "true", 4);
}

static void read_model(Connection *connection, const char *json) {
    connection->model[0] = 0;
    const char *found = strstr(json, "\"model\"");
    if (found) sscanf(found + 7, " : \"%90[^\"]\"", connection->model);
}

static void prepare_token(Connection *connection) {
    char start[512];
    int length = snprintf(start, sizeof start, CHUNK_START, connection->model);
    length += snprintf(start + length, sizeof start - (size_t)length, "{\"index\":0,\"delta\":{\"content\":\"");
    char size[24];
    int size_length = sprintf(size, "%zx\r\n", (size_t)length + TOKEN_LENGTH + sizeof AFTER_TOKEN - 1 - 2);
    connection->before_token.length = 0;
    append(&connection->before_token, size, (size_t)size_length);
    append(&connection->before_token, start, (size_t)length);
}

static void begin_stream(Connection *connection) {
    double first_ms = option(connection->model, 't', 0);
    bool waits = option(connection->model, 'w', 0) > 0;
    connection->tokens = (uint32_t)option(connection->model, 'n', 100);
    connection->gap_us = (uint64_t)(option(connection->model, 'g', 0) * 1000);
    connection->pause = (uint32_t)option(connection->model, 'p', 0);
    connection->batch = (int)option(connection->model, 'b', 1);
    if (connection->batch < 1) connection->batch = 1;
    connection->sent = 0;
    connection->streaming = true;
    connection->head_sent = waits || first_ms > 0;
    if (connection->head_sent) append(&connection->out, STREAM_HEAD, sizeof STREAM_HEAD - 1);
    prepare_token(connection);
    stats.open++;
    connection->due_us = waits ? NEVER_US : now_us() + (uint64_t)(first_ms * 1000);
    enter_schedule(connection);
}

static void answer_completion(Connection *connection, const char *json) {
    read_model(connection, json);
    connection->usage_wanted = is_true(json, "\"include_usage\"");
    if (is_true(json, "\"stream\"")) {
        begin_stream(connection);
    } else {
        answer(connection, "200 OK",
               "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion\",\"created\":1790000000,\"model\":\"mock\","
               "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"ok\"},"
               "\"finish_reason\":\"stop\"}]}");
    }
}

static void route(Connection *connection, const char *head, const char *body) {
    stats.requests++;
    if (!strncmp(head, "GET /stats", 10)) {
        answer_stats(connection);
    } else if (!strncmp(head, "GET /release", 12)) {
        release_all();
        answer(connection, "200 OK", "{}");
    } else if (!strncmp(head, "GET /reset", 10)) {
        uint64_t open = stats.open;
        memset(&stats, 0, sizeof stats);
        stats.open = open;
        answer(connection, "200 OK", "{}");
    } else if (!strncmp(head, "GET ", 4) && strstr(head, "/models")) {
        answer_models(connection);
    } else if (!strncmp(head, "POST ", 5) && strstr(head, "/chat/completions")) {
        answer_completion(connection, body);
    } else {
        answer(connection, "404 Not Found", "{}");
    }
}

// The length of a body that starts at `body`, -1 when it has not arrived whole. `extra` is its framing's.
static long body_length(const char *head, const char *body, size_t arrived, size_t *extra) {
    *extra = 0;
    if (strcasestr(head, "\r\ntransfer-encoding: chunked")) {
        const char *end = memmem(body, arrived, "0\r\n\r\n", 5);
        *extra = 5;
        return end ? end - body : -1;
    }
    const char *field = strcasestr(head, "\r\ncontent-length:");
    size_t length = field ? strtoul(field + 17, NULL, 10) : 0;
    return arrived < length ? -1 : (long)length;
}

// Takes one request out of the input. True when there may be another.
static bool take_request(Connection *connection) {
    Buffer *in = &connection->in;
    if (connection->streaming || in->length == 0) return false;
    char *end = memmem(in->data, in->length, "\r\n\r\n", 4);
    if (!end) return false;
    size_t head_length = (size_t)(end - in->data) + 4, extra;
    char *head = strndup(in->data, head_length);
    long length = body_length(head, in->data + head_length, in->length - head_length, &extra);
    if (length >= 0) {
        char *body = strndup(in->data + head_length, (size_t)length);
        route(connection, head, body);
        free(body);
        size_t whole = head_length + (size_t)length + extra;
        memmove(in->data, in->data + whole, in->length - whole);
        in->length -= whole;
    }
    free(head);
    return length >= 0;
}

static bool take_requests(Connection *connection) {
    while (take_request(connection)) continue;
    return flush(connection);
}

// --- the loop -----------------------------------------------------------------------------------------------------

static void forget(Connection *connection) {
    if (connection->streaming) {
        stats.aborted++;
        stats.aborted_us = now_us();
        stats.open--;
    }
    leave_schedule(connection);
    close(connection->socket);
    free(connection->in.data);
    free(connection->out.data);
    free(connection->before_token.data);
    free(connection);
}

static void accept_all(int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        Connection *connection = calloc(1, sizeof *connection);
        if (!connection) abort();
        connection->socket = fd;
        connection->place = -1;
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = connection};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
        stats.accepted++;
    }
}

// False when the connection has died.
static bool receive(Connection *connection) {
    static char data[65536];
    for (;;) {
        ssize_t length = recv(connection->socket, data, sizeof data, 0);
        if (length > 0)
            append(&connection->in, data, (size_t)length);
        else if (length == 0)
            return false;
        else
            return errno == EAGAIN || errno == EINTR ? take_requests(connection) : false;
    }
}

static void serve(Connection *connection, uint32_t events) {
    bool alive = !(events & (EPOLLHUP | EPOLLERR));
    if (alive && events & (EPOLLIN | EPOLLRDHUP)) alive = receive(connection);
    if (alive && events & EPOLLOUT) alive = flush(connection);
    if (!alive) forget(connection);
}

static void stream_to(Connection *connection, uint64_t now) {
    if (!connection->gap_us && connection->waits_to_write) {  // its reader is behind
        connection->due_us = now + RETRY_US;
        move_back(connection->place);
        return;
    }
    if (connection->gap_us && now - connection->due_us > stats.latest_us) stats.latest_us = now - connection->due_us;
    bool pauses = connection->pause && connection->sent + 1 == connection->pause;  // this token, then silence
    connection->due_us = pauses ? NEVER_US : connection->gap_us ? connection->due_us + connection->gap_us : now;
    move_back(connection->place);
    if (!step(connection) || (!connection->streaming && !take_requests(connection))) forget(connection);
}

static int wait_us(void) {
    if (!scheduled || schedule[0]->due_us == NEVER_US) return -1;
    uint64_t now = now_us();
    return schedule[0]->due_us > now ? (int)(schedule[0]->due_us - now) : 0;
}

static int wait_for_events(struct epoll_event *events) {
    int wait = wait_us();
    struct timespec time = {wait / 1000000, wait % 1000000 * 1000L};
    return epoll_pwait2(poller, events, MOST_EVENTS, wait < 0 ? NULL : &time, NULL);
}

static int listen_on(int port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
        perror("upstream");
        exit(1);
    }
    return listener;
}

int main(int count, char **arguments) {
    if (count < 2) {
        fprintf(stderr, "usage: upstream PORT [MODEL ...]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    models = arguments + 2;
    model_count = count - 2;
    poller = epoll_create1(0);
    int listener = listen_on(atoi(arguments[1]));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[MOST_EVENTS];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = wait_for_events(events);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr)
                serve(events[i].data.ptr, events[i].events);
            else
                accept_all(listener);
        }
        uint64_t now = now_us();
        for (int steps = 0; steps < STEPS_PER_ROUND && scheduled && schedule[0]->due_us <= now; steps++) {
            stream_to(schedule[0], now);
            if (steps % 64 == 63) now = now_us();
        }
    }
}
