/* Checking the input of a campaign: all its mistakes at once.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "eelt/config.h"
#include <kramers/campaign.h>
#include <stdio.h>
#include <string.h>

typedef struct collector {
    kr_campaign_mistake_fn mistake;
    void *payload;
    int count;
    char last[1024];
} collector;

/* A mistake reaches us where it is found and, with more words before it, where it is passed up: it counts once. */
static void collect(kr_context *ctx, void *payload) {
    collector *c = payload;
    if (c->last[0] && strstr(kr_context_message(ctx), c->last)) return;
    snprintf(c->last, sizeof c->last, "%s", kr_context_message(ctx));
    c->count++;
    if (c->mistake) c->mistake(kr_context_message(ctx), kr_context_hint(ctx), c->payload);
}

kr_status kr_campaign_check(kr_context *ctx, const char *input, kr_campaign_mistake_fn mistake,
                            kr_campaign_line_fn line, void *payload, int *count) {
    kr_config config;
    collector c = {mistake, payload, 0, ""};
    if (!input || !count) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_campaign_check: an argument is NULL");
    kr_context_set_mistake(ctx, collect, &c);
    kr_status status = kr_config_read(ctx, input, &config);
    if (status == KR_OK) {
        status = kr_config_check(ctx, &config, line, payload);
        kr_config_free(&config);
    }
    kr_context_set_mistake(ctx, NULL, NULL);
    *count = c.count;
    if (status == KR_OK) kr_context_clear(ctx);
    return status;
}
