/* Activation functions σ and their first two derivatives, elementwise.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * gelu, gelu_tf   σ = ½ z (1 + tanh u),  u = √(2/π) (z + 0.044715 z³)      (the tanh form under both names)
 * silu            σ = z s(z),  s = 1/(1 + e^−z)
 * silut[:T]       z < T: silu(z);  else tanh(a (z − T)) + c,  a = silu'(T), c = silu(T), T = 3 by default (C¹ at T)
 * At a kink (relu, relu6) the derivative is that of the flat side and σ'' = 0 everywhere.
 * Source: DeePMD-kit's list of activation functions. */
#include "core/activation.h"
#include "core/dense.h"
#include "core/error.h"
#include <math.h>
#include <string.h>

static const double GELU_SCALE = 0.79788456080286535588; /* √(2/π) */
static const double GELU_CUBIC = 0.044715;

/* Below, one point of each kind: y[0] = σ, y[1] = σ', y[2] = σ''. */

/* s = 1/(1 + e^−z) and 1 − s, both to the last bits: nothing cancels, nothing overflows. */
static void logistic(double z, double *s, double *other) {
    double e = exp(-fabs(z)), large = 1 / (1 + e), small = e * large;
    *s = z >= 0 ? large : small;
    *other = z >= 0 ? small : large;
}

static void act_linear(const kr_activation *activation, double z, double y[3]) {
    (void)activation;
    y[0] = z;
    y[1] = 1;
    y[2] = 0;
}

static void act_relu(const kr_activation *activation, double z, double y[3]) {
    (void)activation;
    y[0] = z <= 0 ? 0 : z; /* this way round a NaN stays visible */
    y[1] = z > 0;
    y[2] = 0;
}

static void act_relu6(const kr_activation *activation, double z, double y[3]) {
    act_relu(activation, z, y);
    if (z >= 6) {
        y[0] = 6;
        y[1] = 0;
    }
}

static void act_sigmoid(const kr_activation *activation, double z, double y[3]) {
    (void)activation;
    double s, other;
    logistic(z, &s, &other);
    y[0] = s;
    y[1] = s * other;
    y[2] = y[1] * (other - s);
}

static void act_softplus(const kr_activation *activation, double z, double y[3]) {
    double s[3];
    act_sigmoid(activation, z, s);
    y[0] = (z > 0 ? z : 0) + log1p(exp(-fabs(z)));
    y[1] = s[0];
    y[2] = s[1];
}

static void act_silu(const kr_activation *activation, double z, double y[3]) {
    double s[3];
    act_sigmoid(activation, z, s);
    y[0] = z * s[0];
    y[1] = s[0] + z * s[1];
    y[2] = 2 * s[1] + z * s[2];
}

static void act_gelu(const kr_activation *activation, double z, double y[3]) {
    (void)activation;
    if (fabs(z) > 40) { /* tanh u = ±1 to the last bit; u' and z³ could overflow below */
        y[0] = z > 0 ? z : 0;
        y[1] = z > 0;
        y[2] = 0;
        return;
    }
    double u1 = GELU_SCALE * (1 + 3 * GELU_CUBIC * z * z), u2 = 6 * GELU_SCALE * GELU_CUBIC * z;
    double t = tanh(GELU_SCALE * (z + GELU_CUBIC * z * z * z)), sech2 = (1 - t) * (1 + t);
    y[0] = 0.5 * z * (1 + t);
    y[1] = 0.5 * (1 + t) + 0.5 * z * sech2 * u1;
    y[2] = sech2 * (u1 + 0.5 * z * (u2 - 2 * t * u1 * u1));
}

static void act_silut(const kr_activation *activation, double z, double y[3]) {
    if (!(z >= activation->threshold)) {
        act_silu(activation, z, y);
        return;
    }
    double a = activation->slope, t = tanh(a * (z - activation->threshold)), sech2 = (1 - t) * (1 + t);
    y[0] = t + activation->offset;
    y[1] = a * sech2;
    y[2] = -2 * a * a * t * sech2;
}

static const struct {
    const char *name;
    kr_activation_kind kind;
    int has_threshold;
} NAMES[] = {
    {"linear", KR_ACT_LINEAR, 0},     {"none", KR_ACT_LINEAR, 0}, {"tanh", KR_ACT_TANH, 0},
    {"relu", KR_ACT_RELU, 0},         {"relu6", KR_ACT_RELU6, 0}, {"sigmoid", KR_ACT_SIGMOID, 0},
    {"softplus", KR_ACT_SOFTPLUS, 0}, {"silu", KR_ACT_SILU, 0},   {"gelu", KR_ACT_GELU, 0},
    {"gelu_tf", KR_ACT_GELU, 0},      {"silut", KR_ACT_SILUT, 1}, {"custom_silu", KR_ACT_SILUT, 1},
};

/* ASCII only: neither the comparison nor the number below may depend on the locale of the host process. */
static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

/* Plain decimal "±12.5e-1" of at most 15 digits, which one multiplication or division rounds correctly. */
static int parse_decimal(const char *s, double *value) {
    double sign = 1, mantissa = 0;
    int digits = 0, decimals = 0, exponent = 0;
    if (*s == '+' || *s == '-') sign = *s++ == '-' ? -1 : 1;
    for (; *s >= '0' && *s <= '9'; s++, digits++) mantissa = 10 * mantissa + (*s - '0');
    if (*s == '.')
        for (s++; *s >= '0' && *s <= '9'; s++, digits++, decimals++) mantissa = 10 * mantissa + (*s - '0');
    if (digits == 0 || digits > 15) return 0;
    if (*s == 'e' || *s == 'E') {
        int minus = 0, n = 0;
        s++;
        if (*s == '+' || *s == '-') minus = *s++ == '-';
        for (; *s >= '0' && *s <= '9' && n < 3; s++, n++) exponent = 10 * exponent + (*s - '0');
        if (n == 0) return 0;
        if (minus) exponent = -exponent;
    }
    int power = exponent - decimals;
    if (*s || power < -22 || power > 22) return 0;
    double ten = 1;
    for (int i = 0; i < (power < 0 ? -power : power); i++) ten *= 10;
    *value = sign * (power < 0 ? mantissa / ten : mantissa * ten);
    return 1;
}

kr_status kr_activation_parse(kr_context *ctx, const char *name, kr_activation *activation) {
    if (!activation) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "activation is NULL");
    memset(activation, 0, sizeof *activation);
    if (!name || !*name) return KR_OK; /* KR_ACT_LINEAR is 0, the name stays "" */
    size_t length = strlen(name);
    if (length < sizeof activation->name) {
        char word[sizeof activation->name];
        for (size_t i = 0; i <= length; i++) word[i] = lower(name[i]);
        memcpy(activation->name, name, length + 1);
        char *colon = strchr(word, ':');
        if (colon) *colon = 0;
        for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
            if (strcmp(word, NAMES[i].name) != 0 || (colon && !NAMES[i].has_threshold)) continue;
            activation->kind = NAMES[i].kind;
            if (!NAMES[i].has_threshold) return KR_OK;
            activation->threshold = 3;
            if (colon && !parse_decimal(colon + 1, &activation->threshold))
                return KR_ERROR(ctx, KR_ERR_FORMAT, "activation '%s': '%s' is no number", name, colon + 1);
            double y[3];
            act_silu(activation, activation->threshold, y);
            activation->offset = y[0];
            activation->slope = y[1];
            return KR_OK;
        }
    }
    kr_status status = KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "activation function '%.64s' is not known", name);
    kr_error_hint(ctx,
                  "known: tanh relu relu6 sigmoid softplus silu gelu gelu_tf silut[:T] custom_silu[:T] none linear");
    return status;
}

/* tanh by the vector kernel of this processor (below 2.5 ulp everywhere), a piece at a time. */
static void apply_tanh(size_t n, const double *z, double *y, double *d1, double *d2) {
    enum { PIECE = 256 };
    double piece[PIECE];
    kr_isa isa;
    if (kr_isa_choose(NULL, NULL, &isa) < 0) isa = KR_ISA_BASELINE;
    const kr_dense *dense = kr_dense_for(isa, 0);
    for (size_t first = 0; first < n; first += PIECE) {
        size_t m = n - first < PIECE ? n - first : PIECE;
        double *t = y ? y + first : piece;
        dense->tanh(m, z + first, t, NULL);
        for (size_t i = 0; d1 && i < m; i++) d1[first + i] = (1 - t[i]) * (1 + t[i]);
        for (size_t i = 0; d2 && i < m; i++) d2[first + i] = -2 * t[i] * ((1 - t[i]) * (1 + t[i]));
    }
}

/* One loop per kind, so that the compiler sees the function inside it. y last: it may alias z. */
#define EACH(function)                   \
    for (size_t i = 0; i < n; i++) {     \
        double out[3];                   \
        function(activation, z[i], out); \
        if (d1) d1[i] = out[1];          \
        if (d2) d2[i] = out[2];          \
        if (y) y[i] = out[0];            \
    }                                    \
    return

void kr_activation_apply(const kr_activation *activation, size_t n, const double *z, double *y, double *d1,
                         double *d2) {
    switch (activation->kind) {
    case KR_ACT_LINEAR:
        EACH(act_linear);
    case KR_ACT_TANH:
        apply_tanh(n, z, y, d1, d2);
        return;
    case KR_ACT_RELU:
        EACH(act_relu);
    case KR_ACT_RELU6:
        EACH(act_relu6);
    case KR_ACT_SIGMOID:
        EACH(act_sigmoid);
    case KR_ACT_SOFTPLUS:
        EACH(act_softplus);
    case KR_ACT_SILU:
        EACH(act_silu);
    case KR_ACT_GELU:
        EACH(act_gelu);
    case KR_ACT_SILUT:
        EACH(act_silut);
    }
}
