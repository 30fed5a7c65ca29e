/* What /proc tells about processes (proc(5): stat, fields counted from 1).
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/process.h"
#include "core/text.h"
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The fields of /proc/PID/stat that are used here. */
typedef struct stat_line {
    char state;
    int64_t session;     /* field 6 */
    double user, system; /* 14, 15: ticks */
    int64_t start;       /* 22: ticks since boot */
    int64_t rss;         /* 24: pages */
} stat_line;

static int read_small(const char *path, char *text, size_t room) {
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    size_t n = fread(text, 1, room - 1, file);
    fclose(file);
    text[n] = 0;
    return n > 0;
}

/* 0 when there is no such process. The name in parentheses may hold blanks and parentheses: the last ")" ends it. */
static int read_stat(int64_t pid, stat_line *stat) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
    if (!read_small(path, text, sizeof text)) return 0;
    char *rest = strrchr(text, ')');
    if (!rest) return 0;
    memset(stat, 0, sizeof *stat);
    int field = 2;
    for (char *word = strtok_r(rest + 1, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        field++;
        if (field == 3)
            stat->state = word[0];
        else if (field == 6)
            stat->session = strtoll(word, NULL, 10);
        else if (field == 14)
            stat->user = kr_read_real(word, NULL);
        else if (field == 15)
            stat->system = kr_read_real(word, NULL);
        else if (field == 22)
            stat->start = strtoll(word, NULL, 10);
        else if (field == 24)
            stat->rss = strtoll(word, NULL, 10);
    }
    return field >= 24;
}

void kr_process_of(int64_t pid, kr_process *process) {
    memset(process, 0, sizeof *process);
    if (gethostname(process->host, sizeof process->host - 1) != 0 || !process->host[0])
        strcpy(process->host, "unknown");
    if (!read_small("/proc/sys/kernel/random/boot_id", process->boot, sizeof process->boot)) strcpy(process->boot, "-");
    process->boot[strcspn(process->boot, " \n")] = 0;
    process->pid = pid;
    stat_line stat;
    if (read_stat(pid, &stat)) process->start = stat.start;
}

void kr_process_self(kr_process *process) { kr_process_of(getpid(), process); }

const char *kr_process_format(const kr_process *process, char text[160]) {
    snprintf(text, 160, "%s %s %" PRId64 " %" PRId64, process->host, process->boot, process->pid, process->start);
    return text;
}

int kr_process_parse(const char *text, kr_process *process) {
    memset(process, 0, sizeof *process);
    return sscanf(text, "%63s %39s %" SCNd64 " %" SCNd64, process->host, process->boot, &process->pid,
                  &process->start) == 4 &&
           process->pid > 0;
}

kr_life kr_process_life(const kr_process *process) {
    kr_process now;
    kr_process_of(process->pid, &now);
    if (strcmp(now.host, process->host)) return KR_PROCESS_ELSEWHERE;
    if (strcmp(now.boot, process->boot)) return KR_PROCESS_DEAD;
    stat_line stat;
    if (!read_stat(process->pid, &stat) || stat.start != process->start) return KR_PROCESS_DEAD;
    return stat.state == 'Z' || stat.state == 'X' ? KR_PROCESS_DEAD : KR_PROCESS_ALIVE;
}

void kr_process_session(int64_t session, int64_t *count, int64_t *rss_kB, double *cpu_s) {
    *count = *rss_kB = 0;
    *cpu_s = 0;
    DIR *folder = opendir("/proc");
    if (!folder) return;
    const int64_t page_kB = sysconf(_SC_PAGESIZE) / 1024;
    const double tick = (double)sysconf(_SC_CLK_TCK);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char *end;
        int64_t pid = strtoll(entry->d_name, &end, 10);
        stat_line stat;
        if (*end || pid <= 0 || !read_stat(pid, &stat) || stat.session != session || stat.state == 'Z') continue;
        (*count)++;
        *rss_kB += stat.rss * page_kB;
        *cpu_s += (stat.user + stat.system) / tick;
    }
    closedir(folder);
}
