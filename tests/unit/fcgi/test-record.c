/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "fcgi/reader.h"
#include "test.h"
#include "unit/fcgi/wire.h"

static void test_header_is_decoded(void) {
        uint8_t *bytes = guard_copy(L("\x01\x05\x01\x02\xff\xfe\xfd\xee"));
        FcgiRecord record;

        fcgi_record_decode(&record, bytes);
        test_int(record.version, 1);
        test_int(record.type, FCGI_STDIN);
        test_int(record.id, 258);
        test_int(record.content_size, 65534);
        test_int(record.padding_size, 253);
        guard_free(bytes, 8);
}

static void test_encoders_write_every_byte(void) {
        uint8_t bytes[16];

        memset(bytes, 0xee, sizeof(bytes));
        fcgi_record_encode(bytes, FCGI_STDOUT, 258, 65535, 7);
        test_bytes(bytes, 8, "\x01\x06\x01\x02\xff\xff\x07\x00", 8);

        memset(bytes, 0xee, sizeof(bytes));
        fcgi_begin_encode(bytes, 0xfffe, FCGI_RESPONDER, FCGI_KEEP_CONN);
        test_bytes(bytes, 16, "\x01\x01\xff\xfe\0\x08\0\0\0\x01\x01\0\0\0\0\0", 16);

        memset(bytes, 0xee, sizeof(bytes));
        fcgi_end_encode(bytes, 258, 0x01020304, FCGI_OVERLOADED);
        test_bytes(bytes, 16, "\x01\x03\x01\x02\0\x08\0\0\x01\x02\x03\x04\x02\0\0\0", 16);

        memset(bytes, 0xee, sizeof(bytes));
        fcgi_unknown_type_encode(bytes, 77);
        test_bytes(bytes, 16, "\x01\x0b\0\0\0\x08\0\0\x4d\0\0\0\0\0\0\0", 16);
}

static void test_size_beyond_16_bits_is_never_written(void) {
        int status;
        pid_t pid;

        pid = fork();
        test_true(pid >= 0);
        if (pid == 0) {
                static const struct rlimit none = {};
                uint8_t bytes[8];

                /* The assertion that is expected here is no news. */
                setrlimit(RLIMIT_CORE, &none);
                fclose(stderr);
                signal(SIGABRT, SIG_DFL);
                fcgi_record_encode(bytes, FCGI_STDIN, 1, 65536, 0);
                _exit(0);
        }
        test_int(waitpid(pid, &status, 0), pid);
        test_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* One record, in pieces of @piece bytes: a header, all of the content, an end. */
static void check_reader(const Buffer *wire, size_t piece, size_t content_size, size_t padding_size) {
        FcgiReader reader = {};
        size_t n_headers = 0, n_ends = 0, n_content = 0;

        test_true(fcgi_reader_at_boundary(&reader));
        for (size_t at = 0; at < buffer_size(wire); at += piece) {
                size_t size = MIN2(piece, buffer_size(wire) - at);
                uint8_t *bytes = guard_copy(buffer_data(wire) + at, size);
                FcgiSlice input = { bytes, size }, content;
                FcgiReaderPart part;

                test_int(n_ends, 0);
                while ((part = fcgi_reader_next(&reader, &input, &content)) != FCGI_READER_NEED_MORE) {
                        if (part == FCGI_READER_HEADER)
                                n_headers++;
                        else if (part == FCGI_READER_END)
                                n_ends++;
                        else
                                n_content += content.size;
                }
                test_int(input.size, 0);
                test_true(fcgi_reader_at_boundary(&reader) == (n_ends > 0));
                guard_free(bytes, size);
        }
        test_int(n_headers, 1);
        test_int(n_ends, 1);
        test_int(n_content, content_size);
        test_int(reader.record.padding_size, padding_size);
}

static void test_content_and_padding_at_their_largest(void) {
        static const size_t contents[] = { 0, 1, 65534, 65535 }, paddings[] = { 0, 1, 255 },
                            pieces[] = { 1, 7, 8, 9, 4096, 1 << 20 };
        static const uint8_t zeros[65535];

        for (size_t c = 0; c < ELEMENTSOF(contents); c++)
                for (size_t p = 0; p < ELEMENTSOF(paddings); p++)
                        for (size_t n = 0; n < ELEMENTSOF(pieces); n++) {
                                Buffer wire = WIRE_NULL;

                                /* A guard page for every few bytes of 65535 takes seconds. */
                                if (contents[c] > 100 && pieces[n] < 100 && (pieces[n] < 9 || p < 2))
                                        continue;
                                wire_record_padded(&wire, 5, 1, zeros, contents[c], paddings[p]);
                                check_reader(&wire, pieces[n], contents[c], paddings[p]);
                                buffer_done(&wire);
                        }
}

int main(void) {
        test_run(test_header_is_decoded);
        test_run(test_encoders_write_every_byte);
        test_run(test_size_beyond_16_bits_is_never_written);
        test_run(test_content_and_padding_at_their_largest);
        return 0;
}
