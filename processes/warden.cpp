#include "processes/warden.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processes/byte_tail.hpp"
#include "processes/output_log.hpp"
#include "processes/process_tree.hpp"
#include "processes/program.hpp"
#include "processes/wire.hpp"

namespace nsai::processes {
namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds memory_sample_interval{50};
constexpr std::size_t tail_bytes = 4096;

std::int64_t cpu_ms_of_children() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  auto const ms = [](timeval const& t) { return t.tv_sec * 1000 + t.tv_usec / 1000; };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

/// The program that runs, from its start to its report.
struct run {
  process_spec spec;
  started_program program;
  output_log log;
  byte_tail err_tail{tail_bytes};
  off_t err_file_start = 0;  // size of stderr_path before, when it is a plain file
  clock::time_point begin;
  std::int64_t cpu_ms_before = 0;
  std::int64_t peak_kb = 0;
  std::int64_t sampled_peak_mb = 0;
  clock::time_point next_sample;
  std::optional<clock::time_point> kill_at;
  std::optional<clock::time_point> killed_at;  // the first time
  bool leader_gone = false;
  process_exit exit;
};

class warden {
 public:
  explicit warden(file_descriptor socket) : socket_(std::move(socket)) {
    ::prctl(PR_SET_NAME, "nsai-warden");
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    signals_ = file_descriptor{::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
  }

  [[noreturn]] void live() {
    while (true) {
      auto const ready = wait();
      if (ready.socket && !read_socket())
        end();
      if (!run_)
        continue;
      if (ready.signals)
        reap();
      if (reads_output()) {
        pump(run_->program.out, false);
        pump(run_->program.err, true);
      }
      on_time();
      if (run_->leader_gone)
        conclude();
    }
  }

 private:
  struct ready_ends {
    bool socket = false;
    bool signals = false;
  };

  [[noreturn]] void end() {
    end_all_descendants();
    ::_exit(0);
  }

  bool reads_output() const { return run_ && !run_->spec.reads_own_output; }

  ready_ends wait() {
    std::array<pollfd, 4> ends{{{socket_.get(), POLLIN, 0},
                                {signals_.get(), POLLIN, 0},
                                {reads_output() ? run_->program.out.get() : -1, POLLIN, 0},
                                {reads_output() ? run_->program.err.get() : -1, POLLIN, 0}}};
    ::poll(ends.data(), ends.size(), timeout_ms());
    if (ends[1].revents != 0) {
      signalfd_siginfo info{};
      while (::read(signals_.get(), &info, sizeof info) > 0) {
      }
    }
    return {ends[0].revents != 0, ends[1].revents != 0};
  }

  int timeout_ms() const {
    if (!run_)
      return -1;
    auto next = clock::time_point::max();
    if (run_->kill_at)
      next = std::min(next, *run_->kill_at);
    if (run_->spec.memory_limit_mb > 0)
      next = std::min(next, run_->next_sample);
    if (next == clock::time_point::max())
      return -1;
    auto const left = std::chrono::ceil<milliseconds>(next - clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
  }

  /// False when the node is gone, or says what makes no sense.
  bool read_socket() {
    std::array<char, 65536> buffer{};
    auto part = receive_part(socket_.get(), buffer.data(), buffer.size());
    if (part.count < 0)
      return errno == EAGAIN || errno == EINTR;
    if (part.count == 0)
      return false;
    for (auto& each : part.descriptors)
      descriptors_.push_back(std::move(each));
    received_.append(buffer.data(), static_cast<std::size_t>(part.count));
    try {
      while (auto message = take_frame(received_))
        obey(*message);
    } catch (std::runtime_error const&) {
      return false;
    }
    return true;
  }

  void obey(frame const& message) {
    if (message.kind == frame_kind::run && !run_)
      start(decode_spec(message.body));
    else if (message.kind == frame_kind::stop && run_)
      stop(decode_stop(message.body));
    else if (message.kind == frame_kind::limit && run_)
      run_->spec.memory_limit_mb = decode_limit(message.body);
    else if (message.kind != frame_kind::stop && message.kind != frame_kind::limit)
      throw std::runtime_error("processes: a frame that is not for a warden");
  }

  void start(process_spec spec) {
    auto const inherited = std::exchange(descriptors_, {});
    run_.emplace();
    auto& r = *run_;
    r.spec = std::move(spec);
    r.begin = clock::now();
    r.next_sample = r.begin + memory_sample_interval;
    r.cpu_ms_before = cpu_ms_of_children();
    r.log = output_log{r.spec.log_path, r.spec.log_limit_bytes};
    struct stat about {};
    if (!r.spec.stderr_path.empty() && ::stat(r.spec.stderr_path.c_str(), &about) == 0)
      r.err_file_start = about.st_size;
    if (inherited.size() != static_cast<std::size_t>(r.spec.inherited))
      return refuse(spawn_fault::resources, EBADF);
    r.program = start_program(r.spec, inherited);
    if (r.program.fault != spawn_fault::none)
      return refuse(r.program.fault, r.program.fault_errno);
    tell(encode_live(r.program.pid));
  }

  void refuse(spawn_fault fault, int error) {
    run_->exit.fault = fault;
    run_->exit.fault_errno = error;
    run_->exit.fault_text = describe_fault(run_->spec, fault, error);
    tell(encode(run_->exit));
    run_.reset();
  }

  void stop(stop_order const& order) {
    auto& r = *run_;
    r.exit.stopped = true;
    if (!r.leader_gone)
      ::kill(r.program.pid, order.signal);
    auto const until = clock::now() + milliseconds{std::max<std::int64_t>(order.grace_ms, 0)};
    r.kill_at = r.kill_at ? std::min(*r.kill_at, until) : until;
  }

  void reap() {
    auto& r = *run_;
    int status = 0;
    rusage usage{};
    pid_t pid = 0;
    while ((pid = ::wait4(-1, &status, WNOHANG, &usage)) > 0) {
      r.peak_kb = std::max<std::int64_t>(r.peak_kb, usage.ru_maxrss);
      if (pid != r.program.pid)
        continue;
      r.leader_gone = true;
      r.exit.duration_ms = std::chrono::duration_cast<milliseconds>(clock::now() - r.begin).count();
      if (WIFEXITED(status))
        r.exit.exit_status = WEXITSTATUS(status);
      else
        r.exit.signal = WTERMSIG(status);
    }
  }

  /// Takes what is there now; closes the pipe at its end.
  void pump(file_descriptor& pipe, bool is_err) {
    std::array<char, 65536> buffer{};
    // Bounded, so that a program that never stops writing does not keep the warden from its socket.
    for (int round = 0; pipe && round < 16; ++round) {
      auto const count = ::read(pipe.get(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR)
        continue;
      if (count < 0 && errno == EAGAIN)
        return;
      if (count <= 0) {
        pipe.reset();
        return;
      }
      std::string_view const bytes{buffer.data(), static_cast<std::size_t>(count)};
      run_->log.append(bytes);
      if (is_err || run_->spec.reads_own_output)
        run_->err_tail.append(bytes);
    }
  }

  void on_time() {
    auto& r = *run_;
    auto const now = clock::now();
    if (r.spec.memory_limit_mb > 0 && now >= r.next_sample && !r.leader_gone) {
      auto const mb = resident_mb_below(::getpid());
      r.sampled_peak_mb = std::max(r.sampled_peak_mb, mb);
      r.next_sample = now + memory_sample_interval;
      if (mb > r.spec.memory_limit_mb) {
        r.exit.memory_exceeded = true;
        r.kill_at = now;
      }
    }
    if (r.kill_at && now >= *r.kill_at && !r.leader_gone) {
      r.killed_at = r.killed_at.value_or(now);
      if (now - *r.killed_at >= milliseconds{r.spec.stuck_after_ms})
        leave_stuck();
      for (auto const pid : descendants_of(::getpid()))
        ::kill(pid, SIGKILL);
      // Once more shortly, for what was born meanwhile; its leader's end ends the run.
      r.kill_at = now + milliseconds{20};
    }
  }

  void conclude() {
    auto& r = *run_;
    auto const rest = end_all_descendants(milliseconds{r.spec.stuck_after_ms});
    if (!rest.all)
      leave_stuck();
    r.peak_kb = std::max(r.peak_kb, rest.peak_rss_kb);
    report();
    run_.reset();
  }

  /// The node is told, and this warden takes no other program: it waits for what does not end.
  [[noreturn]] void leave_stuck() {
    auto& r = *run_;
    r.exit.stuck_below = ::getpid();
    if (!r.leader_gone)
      r.exit.duration_ms = std::chrono::duration_cast<milliseconds>(clock::now() - r.begin).count();
    report();
    socket_.reset();
    end();
  }

  void report() {
    auto& r = *run_;
    // Nobody writes any more: what is left is in the pipes' buffers.
    pump(r.program.out, false);
    pump(r.program.err, true);
    auto& e = r.exit;
    e.cpu_ms = cpu_ms_of_children() - r.cpu_ms_before;
    e.peak_memory_mb = std::max(r.sampled_peak_mb, (r.peak_kb + 1023) / 1024);
    e.log_bytes = r.log.written_bytes();
    e.output_bytes = r.log.offered_bytes();
    e.log_truncated = r.log.truncated();
    e.log_errno = r.log.error();
    // The file may be where the program hangs.
    e.stderr_tail =
        r.spec.stderr_path.empty() || e.is_stuck() ? r.err_tail.text() : tail_of_file(r);
    tell(encode(e));
  }

  static std::string tail_of_file(run const& r) {
    auto const path = r.spec.stderr_path.front() == '/' ? r.spec.stderr_path
                                                        : r.spec.cwd + "/" + r.spec.stderr_path;
    file_descriptor const file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    struct stat about {};
    if (!file || ::fstat(file.get(), &about) != 0 || !S_ISREG(about.st_mode))
      return {};
    auto const from = std::max(r.err_file_start, about.st_size - static_cast<off_t>(tail_bytes));
    std::string text(static_cast<std::size_t>(std::max<off_t>(about.st_size - from, 0)), '\0');
    auto const count = ::pread(file.get(), text.data(), text.size(), from);
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return text;
  }

  void tell(std::string const& bytes) {
    if (!send_all(socket_.get(), bytes))
      end();
  }

  file_descriptor socket_;
  file_descriptor signals_;
  std::string received_;
  std::vector<file_descriptor> descriptors_;  // for the program whose order is still incomplete
  std::optional<run> run_;
};

}  // namespace

void be_warden(file_descriptor socket) {
  warden{std::move(socket)}.live();
}

}  // namespace nsai::processes
