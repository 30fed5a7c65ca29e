/* cmd.json of a task's folder: the command and its limits.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "eelt/supervisor.h"
#include <stdio.h>

kr_status kr_command_write(kr_context *ctx, const kr_command *command, const char *folder) {
    kr_status status = KR_OK;
    kr_tree *map = NULL, *value = NULL;
    char *path = NULL, *text = NULL;
    kr_file_writer writer = {0};
    const struct {
        const char *key;
        double value;
    } limits[] = {{"timeout_s", command->timeout_s}, {"stall_s", command->stall_s}, {"memory_MB", command->memory_MB}};
    const struct {
        const char *key;
        int value;
    } places[] = {{"first_cpu", command->first_cpu}, {"cpus", command->cpus}, {"threads", command->threads}};
    KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &map));
    KR_TRY(kr_tree_new_string(ctx, command->line, &value));
    KR_TRY(kr_tree_set(ctx, map, "command", &value));
    for (int i = 0; i < 3; i++) {
        KR_TRY(kr_tree_new_real(ctx, limits[i].value, &value));
        KR_TRY(kr_tree_set(ctx, map, limits[i].key, &value));
        KR_TRY(kr_tree_new_int(ctx, places[i].value, &value));
        KR_TRY(kr_tree_set(ctx, map, places[i].key, &value));
    }
    KR_TRY(kr_json_format(ctx, map, 1, &text));
    path = kr_path_join(ctx, folder, "cmd.json");
    if (!path) KR_TRY(KR_ERR_MEMORY);
    KR_TRY(kr_file_begin(ctx, path, &writer));
    fprintf(writer.stream, "%s\n", text);
    KR_TRY(kr_file_commit(ctx, &writer));
done:
    kr_file_abandon(&writer);
    kr_tree_destroy(&value);
    kr_tree_destroy(&map);
    kr_free(path);
    kr_free(text);
    return status;
}

kr_status kr_command_read(kr_context *ctx, const char *folder, kr_tree **tree, kr_command *command) {
    kr_status status = KR_OK;
    char *path = kr_path_join(ctx, folder, "cmd.json");
    if (!path) return KR_ERR_MEMORY;
    KR_TRY(kr_json_read(ctx, path, tree));
    KR_TRY(kr_tree_get_string(ctx, *tree, "command", &command->line));
    KR_TRY(kr_tree_get_real_or(ctx, *tree, "timeout_s", 0, &command->timeout_s));
    KR_TRY(kr_tree_get_real_or(ctx, *tree, "stall_s", 0, &command->stall_s));
    KR_TRY(kr_tree_get_real_or(ctx, *tree, "memory_MB", 0, &command->memory_MB));
    KR_TRY(kr_tree_get_int_or(ctx, *tree, "first_cpu", 0, 1 << 20, 0, &command->first_cpu));
    KR_TRY(kr_tree_get_int_or(ctx, *tree, "cpus", 0, 1 << 20, 0, &command->cpus));
    KR_TRY(kr_tree_get_int_or(ctx, *tree, "threads", 0, 1 << 20, 0, &command->threads));
done:
    if (status != KR_OK) kr_error_prefix(ctx, "%s", path);
    kr_free(path);
    return status;
}
