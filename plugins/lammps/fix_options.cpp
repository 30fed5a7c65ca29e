/* Parser of the words of `fix kramers/examine` (fix_options.h).
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * N trust lo hi [v_lo v_hi] keyword value …; a level may be the word off. */
#include "fix_options.h"
#include <cmath>
#include <cstdlib>

using kramers_lammps::FixOptions;

namespace {

bool to_level(const std::string &word, double &value) {
    if (word == "off" || word == "inf") {
        value = INFINITY;
        return true;
    }
    char *end = nullptr;
    value = std::strtod(word.c_str(), &end);
    return !word.empty() && *end == '\0' && std::isfinite(value) && value >= 0.0;
}

bool to_count(const std::string &word, long long &value) {
    char *end = nullptr;
    value = std::strtoll(word.c_str(), &end, 10);
    return !word.empty() && *end == '\0' && value >= 0;
}

// Options of the watch that are one number, one count or one file name.
struct Real {
    const char *name;
    double kr_watch_options::*field;
};
struct Count {
    const char *name;
    int kr_watch_options::*field;
};
struct Name {
    const char *name;
    std::string FixOptions::*field;
};
const Real reals[] = {{"volume", &kr_watch_options::volume_factor}, {"closest", &kr_watch_options::closest}};
const Count counts[] = {{"reservoir", &kr_watch_options::reservoir},
                        {"stop", &kr_watch_options::stop},
                        {"failed_frames", &kr_watch_options::failed_frames}};
const Name names[] = {{"file", &FixOptions::candidates},
                      {"accurate", &FixOptions::accurate},
                      {"failed", &FixOptions::failed},
                      {"last", &FixOptions::last_good},
                      {"summary", &FixOptions::summary}};

std::string known() {
    std::string all = "temp, seed, correlation";
    for (const Real &r : reals) all += std::string(", ") + r.name;
    for (const Count &c : counts) all += std::string(", ") + c.name;
    for (const Name &n : names) all += std::string(", ") + n.name;
    return all;
}

std::string needs(const std::string &keyword, const char *what) { return "keyword " + keyword + " needs " + what; }

// One keyword with its values from words[at] on.
std::string take(FixOptions &o, const std::vector<std::string> &words, size_t &at) {
    const std::string keyword = words[at++];
    const std::string value = at < words.size() ? words[at] : "";
    long long count = 0;
    for (const Name &n : names)
        if (keyword == n.name) {
            if (at++ >= words.size()) return needs(keyword, "a file name");
            o.*n.field = value;
            return "";
        }
    for (const Count &c : counts)
        if (keyword == c.name) {
            if (at++ >= words.size() || !to_count(value, count) || count > 1000000)
                return needs(keyword, "a number >= 0");
            o.watch.*c.field = static_cast<int>(count);
            return "";
        }
    for (const Real &r : reals)
        if (keyword == r.name) {
            if (at++ >= words.size() || !to_level(value, o.watch.*r.field)) return needs(keyword, "a number >= 0");
            return "";
        }
    if (keyword == "temp") {
        at += 2;
        if (at > words.size() || !to_level(value, o.watch.temperature_lo) ||
            !to_level(words[at - 1], o.watch.temperature_hi))
            return needs(keyword, "the lowest and the highest temperature");
        return "";
    }
    if (keyword == "seed" || keyword == "correlation") {
        if (at++ >= words.size() || !to_count(value, count)) return needs(keyword, "a whole number >= 0");
        if (keyword == "seed") o.watch.seed = static_cast<uint64_t>(count);
        if (keyword == "correlation") o.watch.correlation = count > 0 ? count : 1;
        return "";
    }
    return "unknown keyword '" + keyword + "'; known are " + known();
}

} // namespace

std::string FixOptions::parse(const std::vector<std::string> &words) {
    long long count = 0;
    kr_watch_defaults(&watch);
    candidates = watch.candidates;
    accurate = watch.accurate;
    failed = watch.failed;
    last_good = watch.last_good;
    summary = watch.summary;
    if (words.empty() || !to_count(words[0], count) || count < 1 || count > 2000000000)
        return "the number of steps between two samples must follow the style";
    every = static_cast<int>(count);
    size_t at = 1;
    while (at < words.size()) {
        if (words[at] != "trust") {
            const std::string problem = take(*this, words, at);
            if (!problem.empty()) return problem;
            continue;
        }
        std::vector<double> level;
        double value = 0.0;
        for (at++; at < words.size() && level.size() < 4 && to_level(words[at], value); at++) level.push_back(value);
        if (level.size() != 2 && level.size() != 4)
            return "keyword trust needs lo hi or lo hi v_lo v_hi, each >= 0 or off";
        watch.f_lo = level[0];
        watch.f_hi = level[1];
        watch.v_lo = level.size() > 2 ? level[2] : INFINITY;
        watch.v_hi = level.size() > 2 ? level[3] : INFINITY;
    }
    return "";
}
