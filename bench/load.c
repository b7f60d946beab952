// A load client for event streams: one thread, epoll, no dependencies.
//
//     load -p PORT {-u PATH -d BODY_FILE | -l PATHS_FILE} [-H 'Name: value'] ... -n STREAMS [-c AT_ONCE]
//          [-w WAITING] [-r RAMP_MS] [-D MOST_S] [-W WARM_UP_S] [-s SKIPPED] [-a PEOPLE_FILE] [-v VOICES] [-o]
//
// Opens STREAMS connections to the loopback, AT_ONCE of them at a time, spread over RAMP_MS, and no new one while
// WAITING of them wait for the head of their answer. Each POSTs the body to PATH once (-u) or GETs a path of the file,
// which has one a line, in turn (-l), and reads its stream to the end. Each POST has a further header of PEOPLE_FILE,
// which has one a line, in turn. Finds upstream's tokens ("@hhhhhhhh", see
// upstream.c) wherever they are in the answer, whatever dialect carries them and however it is cut. Prints one line of
// JSON at the end: times in milliseconds, time to the first token from the call of connect(), delay from upstream's
// send to the receipt here (tokens of the first WARM_UP_S, and the first SKIPPED of each stream, are not in it), and
// the seconds in which those arrived whose delay counts. "all_began" is the time to token number VOICES of each stream:
// where each of so many voices says one token, that to the first of the voice which begins last. SIGTERM ends it early, with the same line. With -o a line comes before it, as soon as
// no stream waits for its head any more: how many have begun.

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
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_EVENTS = 1024, READ_SIZE = 262144, TOKEN_LENGTH = 9, LONGEST_WAIT_US = 200000 };

typedef struct {
    uint32_t *values;
    size_t count, capacity;
} Sample;

typedef enum { SIZE, DATA, DATA_END, LAST } ChunkPart;

typedef struct {
    char *data;
    size_t length;
} Request;

typedef struct {
    int socket;
    const Request *request;
    enum { CONNECTING, HEAD, BODY } state;
    size_t sent;
    uint64_t opened_us;
    uint32_t tokens;
    char head[8192];
    size_t head_length;
    int status;
    bool chunked, sized, whole;
    size_t size, received;  // of a body with a Content-Length
    ChunkPart part;
    size_t left;                 // of the HTTP chunk being read
    char carried[TOKEN_LENGTH];  // the end of the last read, where a token may have begun
    size_t carried_length;
} Stream;

static int poller, port, streams = 1, at_once, most_waiting, ramp_ms;
static uint32_t skipped, voices = 1;
static double most_s = 60, warm_up_s;
static Request *requests;
static int request_count;
static uint64_t started_us, warm_us, first_counted_us, last_counted_us;
static Sample first_token_us, all_began_us, delay_us;
static uint64_t tokens, done;
static volatile sig_atomic_t stopped;  // told to end: with what there is
static int begun, waiting, refused, cut_short, bad_status, timed_out;

static uint64_t now_us(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

// --- samples ------------------------------------------------------------------------------------------------------

static void add(Sample *sample, uint64_t value) {
    if (sample->count == sample->capacity) {
        sample->capacity = sample->capacity ? sample->capacity * 2 : 4096;
        sample->values = realloc(sample->values, sample->capacity * sizeof *sample->values);
        if (!sample->values) abort();
    }
    sample->values[sample->count++] = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static int compare(const void *one, const void *other) {
    uint32_t first = *(const uint32_t *)one, second = *(const uint32_t *)other;
    return (first > second) - (first < second);
}

// A quantile of a sorted sample, in milliseconds; -1 of an empty one.
static double quantile(const Sample *sample, double part) {
    if (!sample->count) return -1;
    return sample->values[(size_t)(part * (double)(sample->count - 1) + 0.5)] / 1000.0;
}

// --- finding tokens -----------------------------------------------------------------------------------------------

static int hex_digit(char character) {
    if (character >= '0' && character <= '9') return character - '0';
    if (character >= 'a' && character <= 'f') return character - 'a' + 10;
    return -1;
}

// The time in the token at `text`, or false when it is none.
static bool read_stamp(const char *text, uint32_t *stamp) {
    *stamp = 0;
    for (int i = 1; i < TOKEN_LENGTH; i++) {
        int digit = hex_digit(text[i]);
        if (digit < 0) return false;
        *stamp = *stamp << 4 | (uint32_t)digit;
    }
    return true;
}

static void note_token(Stream *stream, uint32_t stamp, uint64_t now) {
    uint32_t delay = (uint32_t)now - stamp;
    tokens++;
    if (!stream->tokens++) add(&first_token_us, now - stream->opened_us);
    if (stream->tokens == voices) add(&all_began_us, now - stream->opened_us);
    if (now < warm_us || stream->tokens <= skipped) return;
    add(&delay_us, delay < UINT32_MAX / 2 ? delay : 0);
    if (!first_counted_us) first_counted_us = now;
    last_counted_us = now;
}

static void find_tokens(Stream *stream, const char *data, size_t length, uint64_t now) {
    static char text[READ_SIZE + TOKEN_LENGTH];
    memcpy(text, stream->carried, stream->carried_length);
    memcpy(text + stream->carried_length, data, length);
    const char *end = text + stream->carried_length + length, *from = text, *at;
    uint32_t stamp;
    while ((at = memchr(from, '@', (size_t)(end - from)))) {
        from = at;
        if (end - at < TOKEN_LENGTH) break;
        bool token = read_stamp(at, &stamp);
        if (token) note_token(stream, stamp, now);
        from = at + (token ? TOKEN_LENGTH : 1);
    }
    stream->carried_length = at ? (size_t)(end - at) : 0;
    memcpy(stream->carried, end - stream->carried_length, stream->carried_length);
}

// Undoes HTTP's chunks.
static void take_chunks(Stream *stream, const char *data, size_t length, uint64_t now) {
    const char *end = data + length;
    while (data < end && !stream->whole) {
        if (stream->part == DATA) {
            size_t here = (size_t)(end - data) < stream->left ? (size_t)(end - data) : stream->left;
            find_tokens(stream, data, here, now);
            data += here;
            stream->left -= here;
            if (!stream->left) stream->part = DATA_END;
            continue;
        }
        char character = *data++;
        int digit = hex_digit(character | 0x20);
        if (stream->part == SIZE && digit >= 0) {
            stream->left = stream->left << 4 | (size_t)digit;
        } else if (character == '\n') {
            stream->whole = stream->part == LAST;
            if (stream->part == DATA_END)
                stream->part = SIZE;
            else if (stream->part == SIZE)
                stream->part = stream->left ? DATA : LAST;
        }
    }
}

static void take_body(Stream *stream, const char *data, size_t length, uint64_t now) {
    stream->received += length;
    if (stream->chunked) {
        take_chunks(stream, data, length, now);
    } else {
        find_tokens(stream, data, length, now);
        stream->whole = stream->sized && stream->received >= stream->size;
    }
}

// Reads the head; returns how many of these bytes were its, or all of them when it goes on.
static size_t take_head(Stream *stream, const char *data, size_t length) {
    size_t before = stream->head_length, room = sizeof stream->head - 1 - before;
    size_t taken = length < room ? length : room;
    memcpy(stream->head + before, data, taken);
    stream->head_length += taken;
    stream->head[stream->head_length] = 0;
    char *end = strstr(stream->head, "\r\n\r\n");
    if (!end) return length;
    *end = 0;
    stream->state = BODY;
    stream->status = atoi(stream->head + 9);
    stream->chunked = strcasestr(stream->head, "transfer-encoding: chunked");
    char *field = strcasestr(stream->head, "\r\ncontent-length:");
    stream->sized = field;
    if (field) stream->size = strtoul(field + 17, NULL, 10);
    waiting--;
    if (stream->status == 200)
        begun++;
    else if (!bad_status++)
        fprintf(stderr, "load: %.200s\n", stream->head);
    return (size_t)(end + 4 - stream->head) - before;
}

// --- the loop -----------------------------------------------------------------------------------------------------

static void open_stream(int number) {
    Stream *stream = calloc(1, sizeof *stream);
    if (!stream) abort();
    stream->request = &requests[number % request_count];
    stream->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int on = 1;
    setsockopt(stream->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    stream->opened_us = now_us();
    if (stream->socket < 0 || (connect(stream->socket, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS)) {
        perror("load");
        exit(1);
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP, .data.ptr = stream};
    epoll_ctl(poller, EPOLL_CTL_ADD, stream->socket, &event);
    waiting++;
}

// False when the connection was refused.
static bool send_request(Stream *stream) {
    const Request *request = stream->request;
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(stream->socket, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error) return false;
    while (stream->sent < request->length) {
        ssize_t sent = send(stream->socket, request->data + stream->sent, request->length - stream->sent, MSG_NOSIGNAL);
        if (sent <= 0) return true;  // epoll tells when it goes on
        stream->sent += (size_t)sent;
    }
    stream->state = HEAD;
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = stream};
    epoll_ctl(poller, EPOLL_CTL_MOD, stream->socket, &event);
    return true;
}

// False when the stream has ended, well or badly.
static bool receive(Stream *stream) {
    static char data[READ_SIZE];
    ssize_t length = recv(stream->socket, data, sizeof data, 0);
    if (length < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (length <= 0) {
        stream->whole = stream->state == BODY && !stream->chunked && !stream->sized;
        return false;
    }
    uint64_t now = now_us();
    size_t used = stream->state == HEAD ? take_head(stream, data, (size_t)length) : 0;
    if (stream->state == BODY && used < (size_t)length) take_body(stream, data + used, (size_t)length - used, now);
    return !stream->whole;
}

static void forget(Stream *stream) {
    if (stream->state != BODY) waiting--;
    close(stream->socket);
    free(stream);
}

static void close_stream(Stream *stream) {
    if (stream->whole && stream->status == 200)
        done++;
    else if (!stream->status || stream->status == 200)
        cut_short++;
    forget(stream);
}

// False when the stream is over.
static bool serve(Stream *stream, uint32_t events) {
    if (stream->state == CONNECTING && events & (EPOLLOUT | EPOLLERR | EPOLLHUP) && !send_request(stream)) {
        refused++;
        forget(stream);
        return false;
    }
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR) && !receive(stream)) {
        close_stream(stream);
        return false;
    }
    return true;
}

static uint64_t opens_at(int opened) {
    return started_us + (uint64_t)ramp_ms * 1000 * (uint64_t)opened / (uint64_t)streams;
}

static bool may_open(int opened, int open) {
    return opened < streams && open < at_once && waiting < most_waiting;
}

static void stop(int number) {
    (void)number;
    stopped = 1;
}

static void run(bool telling) {
    static struct epoll_event events[MOST_EVENTS];
    uint64_t ends_us = started_us + (uint64_t)(most_s * 1e6);
    int opened = 0, open = 0;
    while (!stopped && (opened < streams || open)) {
        uint64_t now = now_us();
        if (now >= ends_us) {
            timed_out = open + streams - opened;
            return;
        }
        for (; may_open(opened, open) && opens_at(opened) <= now; opened++, open++) open_stream(opened);
        uint64_t wait = LONGEST_WAIT_US;
        if (may_open(opened, open) && opens_at(opened) - now < wait) wait = opens_at(opened) - now;
        struct timespec time = {0, (long)wait * 1000};
        int ready = epoll_pwait2(poller, events, MOST_EVENTS, &time, NULL);
        for (int i = 0; i < ready; i++)
            if (!serve(events[i].data.ptr, events[i].events)) open--;
        if (telling && opened == streams && !waiting) {
            printf("{\"begun\":%d}\n", begun);
            fflush(stdout);
            telling = false;
        }
    }
}

// --- the command --------------------------------------------------------------------------------------------------

static char *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    char *data = malloc((1 << 20) + 1);
    if (!file || !data) {
        perror(path);
        exit(2);
    }
    *length = fread(data, 1, 1 << 20, file);
    data[*length] = 0;
    fclose(file);
    return data;
}

static void add_request(const char *method, const char *path, const char *headers, const char *body) {
    Request request;
    int length = asprintf(&request.data,
                          "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/event-stream\r\n%s%s", method,
                          path, port, headers, body);
    requests = realloc(requests, (size_t)(request_count + 1) * sizeof *requests);
    if (length < 0 || !requests) abort();
    request.length = (size_t)length;
    requests[request_count++] = request;
}

static void add_posts(const char *path, const char *headers, const char *body_file, const char *people_file) {
    size_t length = 0, ignored;
    char *body = body_file ? read_file(body_file, &length) : strdup(""), *rest, *place;
    char *people = people_file ? read_file(people_file, &ignored) : NULL;
    if (asprintf(&rest, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", length, body) < 0) abort();
    if (!people) add_request("POST", path, headers, rest);
    for (char *one = people ? strtok_r(people, "\n", &place) : NULL; one; one = strtok_r(NULL, "\n", &place)) {
        char *own;
        if (asprintf(&own, "%s%s\r\n", headers, one) < 0) abort();
        add_request("POST", path, own, rest);
        free(own);
    }
    if (!request_count) {
        fprintf(stderr, "load: nobody in %s\n", people_file);
        exit(2);
    }
    free(people);
    free(rest);
    free(body);
}

static void add_gets(const char *paths_file, const char *headers) {
    size_t length;
    char *paths = read_file(paths_file, &length), *place;
    for (char *path = strtok_r(paths, "\n", &place); path; path = strtok_r(NULL, "\n", &place))
        add_request("GET", path, headers, "\r\n");
    free(paths);
    if (!request_count) {
        fprintf(stderr, "load: no path in %s\n", paths_file);
        exit(2);
    }
}

static void print_result(double seconds) {
    qsort(first_token_us.values, first_token_us.count, sizeof(uint32_t), compare);
    qsort(all_began_us.values, all_began_us.count, sizeof(uint32_t), compare);
    qsort(delay_us.values, delay_us.count, sizeof(uint32_t), compare);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("{\"done\":%" PRIu64 ",\"refused\":%d,\"cut_short\":%d,\"bad_status\":%d,\"timed_out\":%d,"
           "\"tokens\":%" PRIu64 ",\"seconds\":%.4f,\"cpu_s\":%.4f,",
           done, refused, cut_short, bad_status, timed_out, tokens, seconds, cpu_s);
    printf("\"first_token_p50_ms\":%.3f,\"first_token_p99_ms\":%.3f,\"delay_p50_ms\":%.3f,\"delay_p99_ms\":%.3f,"
           "\"all_began_p50_ms\":%.3f,\"streamed_s\":%.4f}\n",
           quantile(&first_token_us, .5), quantile(&first_token_us, .99), quantile(&delay_us, .5),
           quantile(&delay_us, .99), quantile(&all_began_us, .5), (double)(last_counted_us - first_counted_us) / 1e6);
}

int main(int count, char **arguments) {
    char headers[16384] = "", *path = "/", *body_file = NULL, *paths_file = NULL, *people_file = NULL;
    bool telling = false;
    int letter;
    while ((letter = getopt(count, arguments, "p:u:d:l:H:n:c:w:r:D:W:s:a:v:o")) != -1) {
        switch (letter) {
        case 'p': port = atoi(optarg); break;
        case 'u': path = optarg; break;
        case 'd': body_file = optarg; break;
        case 'l': paths_file = optarg; break;
        case 'H':
            strncat(headers, optarg, sizeof headers - strlen(headers) - 3);
            strcat(headers, "\r\n");
            break;
        case 'n': streams = atoi(optarg); break;
        case 'c': at_once = atoi(optarg); break;
        case 'w': most_waiting = atoi(optarg); break;
        case 'r': ramp_ms = atoi(optarg); break;
        case 'D': most_s = atof(optarg); break;
        case 'W': warm_up_s = atof(optarg); break;
        case 's': skipped = (uint32_t)atoi(optarg); break;
        case 'a': people_file = optarg; break;
        case 'v': voices = (uint32_t)atoi(optarg); break;
        case 'o': telling = true; break;
        default: return 2;
        }
    }
    if (streams < 1) streams = 1;
    if (!at_once) at_once = streams;
    if (!most_waiting) most_waiting = streams;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, stop);
    if (paths_file)
        add_gets(paths_file, headers);
    else
        add_posts(path, headers, body_file, people_file);
    poller = epoll_create1(0);
    started_us = now_us();
    warm_us = started_us + (uint64_t)(warm_up_s * 1e6);
    run(telling);
    print_result((double)(now_us() - started_us) / 1e6);
}
