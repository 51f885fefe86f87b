/* SPDX-License-Identifier: MIT */
/*
 * The PHP stack of another process, read from outside
 *
 * A worker is a fork of the process that calls this, so what PHP keeps at an
 * address here it keeps at the same address there: the walk begins at our own
 * executor_globals. process_vm_readv(2) stops nobody and sends no signal, so a
 * sleep() in the script does not come back early; it needs the same user, a
 * target that is dumpable, and, with Yama's ptrace_scope 1, a descendant.
 *
 *      executor_globals.current_execute_data --> zend_execute_data
 *                                                  func --> zend_function --> names
 *                                                  opline --> zend_op, its line
 *                                                  prev_execute_data --> ...
 *
 * The script runs on meanwhile and may be hostile, so nothing that was read is
 * believed: every pointer is only ever the address of another read, types and
 * lengths are checked, the depth is bounded, and text is reduced to printable
 * ASCII. What does not hold ends the walk with the frames so far. A frame may be
 * gone, and another begun in its place, between the read of its address and that
 * of itself; such a walk does not end at the script's outermost frame, and is
 * tried again. (That a shutdown function or a destructor runs looks the same: it
 * is read a few times for nothing.)
 *
 * Reads go through a few cached pages, because the frames of a stack lie close
 * together: a stack of twenty frames takes about ten calls.
 */

#include "sapi/internal.h"

#include <Zend/zend_compile.h>
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#define PAGE_SIZE   4096U
#define CACHE_PAGES 32U
#define TRIES       8U

typedef struct Reader Reader;

/* A look at the memory of another process, as it was at some moment of the walk. */
struct Reader {
        pid_t pid;
        int error; /* the first -errno */
        size_t n_pages;
        uintptr_t addresses[CACHE_PAGES];
        uint8_t pages[CACHE_PAGES][PAGE_SIZE];
};

static Reader reader;

static const uint8_t *reader_page(uintptr_t address) {
        struct iovec here, there = { .iov_base = (void *)address, .iov_len = PAGE_SIZE };
        size_t i;

        for (i = 0; i < MIN2(reader.n_pages, CACHE_PAGES); i++)
                if (reader.addresses[i] == address)
                        return reader.pages[i];

        i = reader.n_pages++ % CACHE_PAGES;
        reader.addresses[i] = 0;
        here = (struct iovec){ reader.pages[i], PAGE_SIZE };
        if (process_vm_readv(reader.pid, &here, 1, &there, 1, 0) != PAGE_SIZE) {
                if (reader.error == 0)
                        reader.error = errno > 0 ? -errno : -EFAULT;
                return NULL;
        }

        reader.addresses[i] = address;
        return reader.pages[i];
}

static bool reader_read(const void *from, void *to, size_t size) {
        uintptr_t address = (uintptr_t)from;
        uint8_t *target = to;

        while (size > 0) {
                size_t offset = address % PAGE_SIZE, n = MIN2(size, PAGE_SIZE - offset);
                const uint8_t *page = reader_page(address - offset);

                if (!page)
                        return false;
                memcpy(target, page + offset, n);
                target += n;
                address += n;
                size -= n;
        }

        return true;
}

/* A zend_string as text. Its end is what tells files of a long path apart, so the beginning is cut. */
static bool reader_text(const zend_string *from, char *to, size_t size) {
        zend_string head;
        size_t skip, n;

        if (!from || !reader_read(from, &head, offsetof(zend_string, val)) ||
            (head.gc.u.type_info & GC_TYPE_MASK) != IS_STRING || head.len == 0 || head.len > PATH_MAX)
                return false;

        n = MIN2(head.len, size - 1);
        skip = head.len - n;
        if (!reader_read((const char *)from + offsetof(zend_string, val) + skip, to, n))
                return false;

        for (size_t i = 0; i < n; i++)
                if (to[i] < ' ' || to[i] > '~')
                        to[i] = '?';
        to[n] = '\0';
        return true;
}

/* "Class->method", "Class::method", "function" */
static bool trace_name(const zend_function *function, SapiFrame *frame) {
        char scope[sizeof(frame->function)], name[sizeof(frame->function)];
        zend_class_entry *class = function->common.scope;
        zend_string *class_name;

        if (!reader_text(function->common.function_name, name, sizeof(name)))
                return false;
        if (!class ||
            !reader_read((const char *)class + offsetof(zend_class_entry, name),
                         &class_name,
                         sizeof(class_name)) ||
            !reader_text(class_name, scope, sizeof(scope) / 2))
                scope[0] = '\0';

        (void)snprintf(frame->function,
                       sizeof(frame->function),
                       "%s%s%.*s",
                       scope,
                       scope[0] == '\0'                              ? ""
                       : function->common.fn_flags & ZEND_ACC_STATIC ? "::"
                                                                     : "->",
                       (int)(sizeof(frame->function) / 2),
                       name);
        return true;
}

/* The line that is being executed: the opcode's, if it lies in this function's code. */
static uint32_t trace_line(const zend_execute_data *data, const zend_op_array *array) {
        const zend_op *first = array->opcodes, *last = first + array->last;
        zend_op op;

        if (array->last > 1U << 24 || data->opline < first || data->opline >= last ||
            !reader_read(data->opline, &op, sizeof(op)))
                return array->line_start; /* an exception is on its way, or the code has been freed */

        return op.lineno;
}

/* False: this is no frame, and the walk ends. */
static bool trace_frame(const zend_execute_data *data, bool outermost, SapiFrame *frame) {
        zend_function function;

        *frame = (SapiFrame){};
        if (!reader_read(data->func, &function.type, sizeof(function.type)))
                return false;

        switch (function.type) {
        case ZEND_INTERNAL_FUNCTION:
                return reader_read(data->func, &function, sizeof(function.internal_function)) &&
                       trace_name(&function, frame);
        case ZEND_USER_FUNCTION:
        case ZEND_EVAL_CODE:
                if (!reader_read(data->func, &function, sizeof(function.op_array)) ||
                    !reader_text(function.op_array.filename, frame->file, sizeof(frame->file)))
                        return false;
                frame->line = trace_line(data, &function.op_array);
                if (!function.common.function_name)
                        strcpy(frame->function,
                               function.type == ZEND_EVAL_CODE ? "{eval}"
                               : outermost                     ? "{main}"
                                                               : "{include}");
                else if (!trace_name(&function, frame))
                        return false;
                return true;
        default:
                return false;
        }
}

/* One walk. *ret_whole: it ended where scripts begin. */
static ssize_t trace_walk(SapiFrame *frames, size_t n_max, bool *ret_whole) {
        zend_execute_data *next, data;
        size_t n = 0, steps = 0;

        *ret_whole = true;
        reader.n_pages = 0;
        reader.error = 0;
        if (!reader_read(&EG(current_execute_data), &next, sizeof(next)))
                return reader.error;

        /* twice, for frames of the engine's own: a hostile stack may be a circle of them */
        while (next && n < n_max && steps++ < 2 * n_max && reader_read(next, &data, sizeof(data))) {
                next = data.prev_execute_data;
                if (!data.func)
                        continue;
                if (!trace_frame(&data, !next, &frames[n]))
                        break;
                n++;
        }

        *ret_whole = n == 0 || n == n_max || strcmp(frames[n - 1].function, "{main}") == 0;
        return (ssize_t)n;
}

ssize_t sapi_trace(pid_t pid, SapiFrame *frames, size_t n_max) {
        ssize_t n = 0;

        reader.pid = pid;
        for (unsigned int i = 0; i < TRIES; i++) {
                bool whole;

                n = trace_walk(frames, n_max, &whole);
                if (n < 0 || whole)
                        break;
        }

        return n;
}
