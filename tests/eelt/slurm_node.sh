# A real Slurm of one node in a folder of its own. Sourced: slurm_start FOLDER, slurm_stop.
# Needs root and the packages slurmctld, slurmd, slurm-client, munge; slurm_missing says what is not there.
# SPDX-License-Identifier: BSD-3-Clause
slurm_missing() {
    local program
    [ "$(id -u)" -eq 0 ] || { echo "not root"; return; }
    for program in munged slurmctld slurmd sbatch; do
        PATH=$PATH:/usr/sbin command -v $program >/dev/null || { echo "$program is not installed"; return; }
    done
}

slurm_start() {
    local d=$1 host port i
    host=$(hostname -s)
    port=$((17000 + RANDOM % 10000))
    PATH=$PATH:/usr/sbin
    mkdir -p "$d"/{state,spool,log,run}
    dd if=/dev/urandom of="$d/munge.key" bs=128 count=1 2>/dev/null
    chmod 600 "$d/munge.key"
    cat >"$d/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$d/run/munge.socket
SlurmctldPort=$port
SlurmdPort=$((port + 1))
StateSaveLocation=$d/state
SlurmdSpoolDir=$d/spool
SlurmctldPidFile=$d/run/slurmctld.pid
SlurmdPidFile=$d/run/slurmd.pid
SlurmctldLogFile=$d/log/slurmctld.log
SlurmdLogFile=$d/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
DefMemPerCPU=200
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=100000,bf_interval=1
ReturnToService=2
MpiDefault=none
SwitchType=switch/none
KillWait=5
MinJobAge=300
SlurmdTimeout=30
AccountingStorageType=accounting_storage/none
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
    export SLURM_CONF=$d/slurm.conf
    slurm_folder=$d
    munged --force --key-file="$d/munge.key" --socket="$d/run/munge.socket" --pid-file="$d/run/munged.pid" \
        --log-file="$d/log/munged.log" --seed-file="$d/run/munged.seed" || return 1
    slurmctld && slurmd || return 1
    for i in $(seq 100); do
        sinfo -h -o %T 2>/dev/null | grep -q idle && return 0
        sleep 0.2
    done
    sinfo
    return 1
}

slurm_stop() {
    local name
    scancel --me 2>/dev/null
    for name in slurmd slurmctld munged; do
        [ -f "$slurm_folder/run/$name.pid" ] && kill "$(cat "$slurm_folder/run/$name.pid")" 2>/dev/null
    done
    sleep 1
}
