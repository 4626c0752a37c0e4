package store

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// process tells one process from every other of its machine, by what the kernel says of it. A zero process can't be told
// from another.
type process struct {
	PID       int    `json:"pid"`
	Boot      string `json:"boot,omitempty"`      // the machine's present boot
	Namespace string `json:"namespace,omitempty"` // the pid's
	Started   string `json:"started,omitempty"`   // in clock ticks since that boot
}

func thisProcess() process {
	p := process{PID: os.Getpid()}
	if boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		p.Boot = strings.TrimSpace(string(boot))
	}
	if namespace, err := os.Readlink("/proc/self/ns/pid"); err == nil {
		p.Namespace = namespace
	}
	p.Started, _ = startOf("self")
	return p
}

// dead reports whether a process is proved to be over: it ran in this machine's present boot and in our pid namespace, and
// there is none with its number now, or one that started at another time. Of a process of another machine, or of
// another container, nothing can be proved.
func (p process) dead() bool {
	me := thisProcess()
	if p.Boot == "" || p.Boot != me.Boot || p.Namespace == "" || p.Namespace != me.Namespace || p.PID <= 0 {
		return false
	}
	if errors.Is(unix.Kill(p.PID, 0), unix.ESRCH) {
		return true
	}
	started, zombie := startOf(strconv.Itoa(p.PID))
	return zombie || (started != "" && p.Started != "" && started != p.Started)
}

// startOf reads when a process started; "" where /proc does not tell. See proc(5), /proc/pid/stat.
func startOf(pid string) (started string, zombie bool) {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return "", false
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // the command's name may hold anything
	if len(fields) < 20 {
		return "", false
	}
	return fields[19], fields[0] == "Z"
}
