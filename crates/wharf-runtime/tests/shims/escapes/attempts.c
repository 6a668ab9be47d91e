/*
 * Tries to get out of a container, or to harm the host from inside, in the known ways; prints one
 * line for each: its name and the error that stopped it, or SUCCEEDED. Compiled by the test.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell(const char *name, long result) {
    printf("%s: %s\n", name, result == -1 ? strerrorname_np(errno) : "SUCCEEDED");
}

static int overwrite(const char *path) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd == -1) return -1;
    int written = write(fd, "x", 1) == 1 ? 0 : -1;
    close(fd);
    return written;
}

/* A masked file has nothing to read: that counts as stopped. */
static int peep(const char *path) {
    char byte;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1) return -1;
    ssize_t count = read(fd, &byte, 1);
    close(fd);
    if (count == 0) errno = ENODATA;
    return count == 1 ? 0 : -1;
}

static int device(mode_t kind, int major, int minor, int flags) {
    unlink("/tmp/device");
    if (mknod("/tmp/device", kind | 0600, makedev(major, minor)) == -1) return -1;
    int fd = open("/tmp/device", flags | O_CLOEXEC | O_NONBLOCK);
    unlink("/tmp/device");
    return fd == -1 ? -1 : close(fd);
}

static int reach(const char *path) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result = connect(fd, (struct sockaddr *)&address, sizeof(address));
    int error = errno;
    close(fd);
    errno = error;
    return result;
}

static int cloned(unsigned long flags) {
    long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) _exit(0);
    if (pid > 0) waitpid(pid, NULL, 0);
    return pid == -1 ? -1 : 0;
}

static int alien_process(void) {
    for (int pid = 1; pid < 100000; pid++)
        if (pid != getpid() && pid != getppid() && kill(pid, 0) == 0) return 0;
    errno = ESRCH;
    return -1;
}

/* The classic: a second chroot leaves the working directory outside of the first. */
static int double_chroot(const char *mark) {
    pid_t pid = fork();
    if (pid == 0) {
        mkdir("/tmp/jail", 0700);
        if (chroot("/tmp/jail") == -1) _exit(errno);
        for (int i = 0; i < 64; i++) chdir("..");
        if (chroot(".") == -1) _exit(errno);
        _exit(access(mark, F_OK) == 0 ? EXDEV : 0);
    }
    int status;
    waitpid(pid, &status, 0);
    errno = WEXITSTATUS(status);
    return errno == 0 ? 0 : -1;
}

static int all_capabilities(void) {
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct data[2];
    memset(data, 0xff, sizeof(data));
    return syscall(SYS_capset, &header, data);
}

static int more_files(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_max = limit.rlim_max == RLIM_INFINITY ? 0 : limit.rlim_max + 1;
    return setrlimit(RLIMIT_NOFILE, &limit);
}

static int safe_from_oom(void) {
    int fd = open("/proc/self/oom_score_adj", O_WRONLY);
    return write(fd, "-1000", 5) == 5 ? 0 : -1;
}

static int leaked_descriptor(void) {
    for (int fd = 3; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) != -1) return 0;
    errno = EBADF;
    return -1;
}

static int gains_privileges(void) {
    errno = EPERM;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? -1 : 0;
}

static int real_time(void) {
    struct sched_param param = { .sched_priority = 1 };
    return sched_setscheduler(0, SCHED_FIFO, &param);
}

/* Shared by all containers of the group, none of the host's. */
static int abstract_socket(void) {
    char line[512];
    FILE *file = fopen("/proc/net/unix", "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (strchr(line, '@') != NULL) return 0;
    errno = ENOENT;
    return -1;
}

static int handle(void) {
    struct { struct file_handle head; unsigned char rest[8]; } root = { { 8, 1 }, { 2 } };
    int mount = open("/etc/hosts", O_RDONLY | O_CLOEXEC);
    return open_by_handle_at(mount, &root.head, O_RDONLY);
}

static void kernel_files(void) {
    tell("write core_pattern", overwrite("/proc/sys/kernel/core_pattern"));
    tell("write modprobe path", overwrite("/proc/sys/kernel/modprobe"));
    tell("write sysrq-trigger", overwrite("/proc/sysrq-trigger"));
    tell("write below /sys/kernel", overwrite("/sys/kernel/uevent_seqnum"));
    tell("write irq affinity", overwrite("/proc/irq/default_smp_affinity"));
    tell("read kcore", peep("/proc/kcore"));
    tell("read keys", peep("/proc/keys"));
    tell("read timer_list", peep("/proc/timer_list"));
    tell("lower oom_score_adj", safe_from_oom());
    tell("overwrite own program", overwrite("/proc/self/exe"));
    tell("leave by /proc/1/root", access("/proc/1/root/work", F_OK));
}

static void mounts(void) {
    tell("mount tmpfs", mount("x", "/tmp", "tmpfs", 0, NULL));
    tell("mount proc", mount("x", "/tmp", "proc", 0, NULL));
    tell("mount cgroup for release_agent", mount("x", "/tmp", "cgroup", 0, "memory"));
    tell("mount the host's disk", mount("/dev/vda", "/tmp", "ext4", 0, NULL));
    tell("remount /proc/sys writable", mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL));
    tell("unmount what hides kcore", umount2("/proc/kcore", MNT_DETACH));
    tell("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
    tell("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
    tell("pivot_root", syscall(SYS_pivot_root, "/", "/tmp"));
    tell("make a cgroup", mkdir("/sys/fs/cgroup/memory/x", 0700) == 0
             || (errno == ENOENT && mkdir("/sys/fs/cgroup/x", 0700) == 0) ? 0 : -1);
    tell("write release_agent", overwrite("/sys/fs/cgroup/memory/release_agent"));
    tell("double chroot", double_chroot("/etc/layer"));
    tell("open_by_handle_at", handle());
}

static void devices(void) {
    tell("raw disk", device(S_IFBLK, 254, 0, O_RDONLY));
    tell("raw disk (sd)", device(S_IFBLK, 8, 0, O_RDWR));
    tell("raw memory", device(S_IFCHR, 1, 1, O_RDONLY));
    tell("kernel log device", device(S_IFCHR, 1, 11, O_RDONLY));
    tell("fuse", device(S_IFCHR, 10, 229, O_RDWR));
    tell("kvm", device(S_IFCHR, 10, 232, O_RDWR));
    tell("loop control", device(S_IFCHR, 10, 237, O_RDWR));
    tell("tun", device(S_IFCHR, 10, 200, O_RDWR));
}

static void namespaces(void) {
    int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    tell("setns", setns(own, 0));
    tell("setns by pidfd", setns(syscall(SYS_pidfd_open, getpid(), 0), CLONE_NEWNS));
    tell("unshare user namespace", unshare(CLONE_NEWUSER));
    tell("unshare mount namespace", unshare(CLONE_NEWNS));
    tell("clone user namespace", cloned(CLONE_NEWUSER));
    tell("clone3", syscall(SYS_clone3, NULL, 0));
    tell("signal a process of the host", alien_process());
    tell("ptrace a process of the host", ptrace(PTRACE_ATTACH, 2, 0, 0));
}

static void system_calls(void) {
    tell("keyctl", syscall(SYS_keyctl, 0, -3, 0));
    tell("add_key", syscall(SYS_add_key, "user", "x", "y", 1, -3));
    tell("request_key", syscall(SYS_request_key, "user", "x", NULL, 0));
    tell("bpf", syscall(SYS_bpf, 0, NULL, 0));
    tell("perf_event_open", syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
    tell("userfaultfd", syscall(SYS_userfaultfd, 0));
    tell("io_uring_setup", syscall(SYS_io_uring_setup, 1, NULL));
    tell("kexec_load", syscall(SYS_kexec_load, 0, 0, NULL, 0));
    tell("init_module", syscall(SYS_init_module, NULL, 0, ""));
    tell("delete_module", syscall(SYS_delete_module, "x", 0));
    tell("reboot", syscall(SYS_reboot, 0, 0, 0, NULL));
    tell("swapoff", syscall(SYS_swapoff, "/dev/vda"));
    tell("set the clock", syscall(SYS_clock_settime, 0, NULL));
    tell("iopl", syscall(SYS_iopl, 3));
    tell("acct", syscall(SYS_acct, "/tmp/x"));
    tell("read the kernel log", syscall(SYS_syslog, 3, NULL, 0));
    tell("quotactl", syscall(SYS_quotactl, 0, NULL, 0, NULL));
    tell("vsock", socket(AF_VSOCK, SOCK_STREAM, 0));
    tell("all capabilities", all_capabilities());
    tell("gain privileges", gains_privileges());
    tell("raise the file limit", more_files());
    tell("raise priority", setpriority(PRIO_PROCESS, 0, -20));
    tell("real-time scheduling", real_time());
}

int main(int argc, char **argv) {
    tell("leaked descriptor", leaked_descriptor());
    kernel_files();
    mounts();
    devices();
    namespaces();
    system_calls();
    tell("abstract sockets of the host", abstract_socket());
    tell("the shim's socket", reach(argc > 1 ? argv[1] : ""));
    tell("the daemon's socket", reach(argc > 2 ? argv[2] : ""));
    return 0;
}
