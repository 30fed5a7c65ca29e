/* Parser of the words of `pair_style kramers` (options.h): one table of keywords, one function each.
 * SPDX-License-Identifier: GPL-2.0-only */
#include "options.h"
#include <cmath>
#include <cstdlib>
#include <functional>

using kramers_lammps::Options;

namespace {

bool to_number(const std::string &word, double &value) {
    char *end = nullptr;
    value = std::strtod(word.c_str(), &end);
    return !word.empty() && *end == '\0' && std::isfinite(value);
}

bool to_integer(const std::string &word, int &value) {
    double number = 0.0;
    if (!to_number(word, number) || number != std::floor(number) || std::fabs(number) > 2e9) return false;
    value = static_cast<int>(number);
    return true;
}

// A position in the words of one command.
struct Cursor {
    const std::vector<std::string> &words;
    size_t next;
    bool more() const { return next < words.size(); }
    const std::string &peek() const { return words[next]; }
};

using Handler = std::string (*)(Options &, Cursor &, const std::string &keyword);

std::string missing(const std::string &keyword, const std::string &what) {
    return "keyword " + keyword + " needs " + what;
}

std::string wrong(const std::string &keyword, const std::string &what, const std::string &word) {
    return missing(keyword, what) + ", not '" + word + "'";
}

// ---- one function per keyword; each takes its values from the cursor ------------------------------------------

std::string set_out_freq(Options &o, Cursor &c, const std::string &k) {
    const char *what = "a number of steps >= 0 (0 = never)";
    if (!c.more()) return missing(k, what);
    const std::string &word = c.words[c.next++];
    return to_integer(word, o.out_freq) && o.out_freq >= 0 ? "" : wrong(k, what, word);
}

std::string take_name(std::string &target, Cursor &c, const std::string &k, const char *what) {
    if (!c.more()) return missing(k, what);
    target = c.words[c.next++];
    return "";
}

std::string set_out_file(Options &o, Cursor &c, const std::string &k) {
    return take_name(o.out_file, c, k, "a file name");
}

std::string set_atomic(Options &o, Cursor &, const std::string &) {
    o.atomic = true;
    return "";
}

std::string take_level(double &target, Cursor &c, const std::string &k, const char *what) {
    if (!c.more()) return missing(k, what);
    const std::string &word = c.words[c.next++];
    return to_number(word, target) && target >= 0.0 ? "" : wrong(k, what, word);
}

std::string set_relative(Options &o, Cursor &c, const std::string &k) {
    return take_level(o.relative, c, k, "a level >= 0 in force units");
}

std::string set_relative_v(Options &o, Cursor &c, const std::string &k) {
    return take_level(o.relative_v, c, k, "a level >= 0 in energy units");
}

// As many numbers as follow; how many the model wants is checked when it is loaded.
std::string take_numbers(std::vector<double> &target, Cursor &c, const std::string &k) {
    double value = 0.0;
    target.clear();
    while (c.more() && to_number(c.peek(), value)) {
        target.push_back(value);
        c.next++;
    }
    if (!target.empty()) return "";
    return c.more() ? wrong(k, "one or more numbers", c.peek()) : missing(k, "one or more numbers");
}

std::string set_fparam(Options &o, Cursor &c, const std::string &k) { return take_numbers(o.fparam, c, k); }
std::string set_aparam(Options &o, Cursor &c, const std::string &k) { return take_numbers(o.aparam, c, k); }

std::string set_fparam_compute(Options &o, Cursor &c, const std::string &k) {
    return take_name(o.fparam_compute, c, k, "the id of a compute");
}

std::string set_fparam_fix(Options &o, Cursor &c, const std::string &k) {
    std::string problem = take_name(o.fparam_fix, c, k, "the id of a fix");
    if (problem.empty() && c.more() && to_integer(c.peek(), o.fparam_index)) {
        if (o.fparam_index < 1) return wrong(k, "an index from 1 after the fix id", c.peek());
        c.next++;
    }
    return problem;
}

std::string set_aparam_compute(Options &o, Cursor &c, const std::string &k) {
    return take_name(o.aparam_compute, c, k, "the id of a per-atom compute");
}

// A choice among named values.
struct Choice {
    const char *name;
    int value;
};

template <class Enum, size_t N>
std::string take_choice(Enum &target, const Choice (&choices)[N], Cursor &c, const std::string &k) {
    std::string names;
    for (const Choice &choice : choices) names += (names.empty() ? "" : " or ") + std::string(choice.name);
    if (!c.more()) return missing(k, names);
    const std::string &word = c.words[c.next++];
    for (const Choice &choice : choices)
        if (word == choice.name) {
            target = static_cast<Enum>(choice.value);
            return "";
        }
    return wrong(k, names, word);
}

std::string set_precision(Options &o, Cursor &c, const std::string &k) {
    static const Choice choices[] = {{"double", KR_PRECISION_DOUBLE}, {"mixed", KR_PRECISION_MIXED}};
    return take_choice(o.potential.precision, choices, c, k);
}

std::string set_table(Options &o, Cursor &c, const std::string &k) {
    const char *what = "a force tolerance of 1e-12 to 1 eV/A, off or deepmd";
    if (!c.more()) return missing(k, what);
    const std::string &word = c.words[c.next++];
    if (word == "off") {
        o.potential.table = KR_TABLE_OFF;
    } else if (word == "deepmd") {
        o.potential.table = KR_TABLE_DEEPMD;
    } else {
        o.potential.table = KR_TABLE_SPLINE;
        const double &tolerance = o.potential.tolerance;
        if (!to_number(word, o.potential.tolerance) || tolerance < KR_TOLERANCE_LEAST || tolerance > KR_TOLERANCE_MOST)
            return wrong(k, what, word);
    }
    return "";
}

std::string set_sel_rule(Options &o, Cursor &c, const std::string &k) {
    static const Choice choices[] = {{"per_type", KR_SEL_NEAREST_PER_TYPE}, {"total", KR_SEL_NEAREST_TOTAL}};
    return take_choice(o.potential.sel_rule, choices, c, k);
}

std::string set_float32_cutoff(Options &o, Cursor &c, const std::string &k) {
    static const Choice choices[] = {{"no", 0}, {"yes", 1}};
    return take_choice(o.potential.float32_cutoff, choices, c, k);
}

std::string set_isa(Options &o, Cursor &c, const std::string &k) {
    return take_name(o.isa, c, k, "baseline, avx2, avx512 or amx");
}

struct Keyword {
    const char *name;
    Handler handler;
};

const Keyword keywords[] = {
    {"out_freq", set_out_freq},
    {"out_file", set_out_file},
    {"atomic", set_atomic},
    {"relative", set_relative},
    {"relative_v", set_relative_v},
    {"fparam", set_fparam},
    {"aparam", set_aparam},
    {"fparam_from_compute", set_fparam_compute},
    {"fparam_from_fix", set_fparam_fix},
    {"aparam_from_compute", set_aparam_compute},
    {"precision", set_precision},
    {"table", set_table},
    {"tabulate", set_table}, // inside hybrid, where LAMMPS takes the word "table" for pair_style table
    {"sel_rule", set_sel_rule},
    {"float32_cutoff", set_float32_cutoff},
    {"isa", set_isa},
};

const Keyword *find(const std::string &word) {
    for (const Keyword &keyword : keywords)
        if (word == keyword.name) return &keyword;
    return nullptr;
}

std::string known_keywords() {
    std::string names;
    for (const Keyword &keyword : keywords) names += (names.empty() ? "" : ", ") + std::string(keyword.name);
    return names;
}

} // namespace

std::string Options::parse(const std::vector<std::string> &words) {
    *this = Options();
    Cursor cursor{words, 0};
    // Model files come first. A later word without '.' or '/' is a misspelt keyword rather than a file.
    while (cursor.more() && !find(cursor.peek())) {
        const std::string &word = cursor.peek();
        if (!models.empty() && word.find_first_of("./") == std::string::npos)
            return "unknown keyword '" + word + "'; known are " + known_keywords() +
                   " (a model file without suffix is written ./" + word + ")";
        models.push_back(word);
        cursor.next++;
    }
    if (models.empty()) return "one or more model files are needed before the keywords";
    while (cursor.more()) {
        const std::string word = words[cursor.next++];
        const Keyword *keyword = find(word);
        if (!keyword) return "unknown keyword '" + word + "'; known are " + known_keywords();
        const std::string problem = keyword->handler(*this, cursor, word);
        if (!problem.empty()) return problem;
    }
    const int sources = !fparam.empty() + !fparam_compute.empty() + !fparam_fix.empty();
    if (sources > 1) return "only one of fparam, fparam_from_compute and fparam_from_fix can be given";
    if (!aparam.empty() && !aparam_compute.empty()) return "only one of aparam and aparam_from_compute can be given";
    return "";
}
