/* The tables of ledger.sqlite. Version 1.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Times are seconds since 1970 (real). `hidden` rows were rolled back: they stay for the history and are not counted.
 * err_f, err_e of a frame: largest force error (eV/A) and energy error per atom (eV) of the models that explored it.
 * collected of a label: the iteration whose data set holds it. */
#ifndef KR_EELT_LEDGER_SCHEMA_H
#define KR_EELT_LEDGER_SCHEMA_H

enum { KR_LEDGER_VERSION = 1 };

static const char kr_ledger_schema[] =
    "CREATE TABLE campaign(id INTEGER PRIMARY KEY CHECK(id = 1), uid TEXT NOT NULL, version INTEGER NOT NULL,"
    "  config TEXT, config_sha256 TEXT, seed INTEGER, created REAL NOT NULL);"
    "CREATE TABLE stage(id INTEGER PRIMARY KEY, iteration INTEGER NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL,"
    "  started REAL, finished REAL, hidden INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE model(id INTEGER PRIMARY KEY, iteration INTEGER NOT NULL, member INTEGER NOT NULL, seed INTEGER,"
    "  sha256 TEXT, path TEXT, errors TEXT, hidden INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE run(id INTEGER PRIMARY KEY, iteration INTEGER NOT NULL, key TEXT, cell INTEGER, system INTEGER,"
    "  T_K REAL, P_GPa REAL, replica INTEGER, state TEXT, end_reason TEXT, steps INTEGER, step_ps REAL,"
    "  sampled INTEGER, n_accurate INTEGER, n_candidate INTEGER, n_failed INTEGER, histogram TEXT, path TEXT,"
    "  hidden INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE frame(id INTEGER PRIMARY KEY, hash TEXT NOT NULL, run INTEGER REFERENCES run(id), step INTEGER,"
    "  dev_f REAL, dev_v REAL, gamma REAL, atom INTEGER, class TEXT, decision TEXT, reason TEXT, file TEXT,"
    "  place INTEGER, weight REAL, err_f REAL, err_e REAL, hidden INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX frame_hash ON frame(hash);"
    "CREATE INDEX frame_run ON frame(run);"
    "CREATE TABLE task(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, iteration INTEGER,"
    "  state TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0, priority INTEGER NOT NULL DEFAULT 0,"
    "  attempts INTEGER NOT NULL DEFAULT 0, hidden INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX task_state ON task(kind, state, priority DESC, id);"
    "CREATE TABLE attempt(task INTEGER NOT NULL REFERENCES task(id), n INTEGER NOT NULL, runner TEXT, job TEXT,"
    "  job_id TEXT, state TEXT NOT NULL, class TEXT, message TEXT, exit_status INTEGER, signal INTEGER,"
    "  t_submit REAL, t_start REAL, t_end REAL, wall_s REAL, cpu_s REAL, maxrss_kB INTEGER, dir TEXT NOT NULL,"
    "  PRIMARY KEY(task, n)) WITHOUT ROWID;"
    "CREATE TABLE label(key TEXT PRIMARY KEY, frame INTEGER, labeller TEXT, energy REAL, f_max REAL, net_force REAL,"
    "  path TEXT NOT NULL, role TEXT, added REAL, collected INTEGER, hidden INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
    "CREATE TABLE metric(iteration INTEGER, scope TEXT, name TEXT, value REAL, lo95 REAL, hi95 REAL,"
    "  hidden INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE event(seq INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL, kind TEXT NOT NULL, text TEXT);";

#endif
