/* Lines for people, handed to a function of the caller.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_PRINTER_H
#define KR_EELT_PRINTER_H

typedef struct kr_printer {
    void (*line)(const char *text, void *payload); /* NULL = nobody listens */
    void *payload;
} kr_printer;

/* Up to 1200 characters. */
void kr_print(const kr_printer *printer, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
