#include "processes/program.hpp"

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nsai::processes {
namespace {

/// Written by the child into a pipe that exec closes: nothing arrives when all went well.
struct child_fault {
  spawn_fault fault;
  int error;
};

[[noreturn]] void give_up(int report, spawn_fault fault, int error) {
  child_fault const told{fault, error};
  [[maybe_unused]] auto const written = ::write(report, &told, sizeof told);
  ::_exit(127);
}

std::string search_path(process_spec const& spec) {
  for (auto const& variable : spec.env)
    if (variable.rfind("PATH=", 0) == 0)
      return variable.substr(5);
  return "/bin:/usr/bin";
}

/// The names under which argv[0] may be found, in the order of the job's own PATH.
std::vector<std::string> candidates(process_spec const& spec) {
  auto const& name = spec.argv.front();
  if (name.find('/') != std::string::npos)
    return {name};
  std::vector<std::string> list;
  auto const path = search_path(spec);
  for (std::size_t from = 0; from <= path.size();) {
    auto const to = std::min(path.find(':', from), path.size());
    auto const folder = path.substr(from, to - from);
    list.push_back((folder.empty() ? "." : folder) + "/" + name);
    from = to + 1;
  }
  return list;
}

std::vector<char*> pointers(std::vector<std::string> const& words) {
  std::vector<char*> list;
  list.reserve(words.size() + 1);
  for (auto const& word : words)
    list.push_back(const_cast<char*>(word.c_str()));
  list.push_back(nullptr);
  return list;
}

void default_signals() {
  for (int signal = 1; signal < NSIG; ++signal)
    ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void place_output(int report, std::string const& path, file_descriptor const& pipe, int as,
                  spawn_fault fault) {
  int const from = path.empty()
                       ? pipe.get()
                       : ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (from < 0 || ::dup2(from, as) < 0)
    give_up(report, fault, errno);
}

struct pipe_ends {
  file_descriptor read;
  file_descriptor write;
};

/// Puts `from` at 3, 4, ...; gives the first number behind them. All are moved out of the way
/// first, since one may lie where another belongs.
int place_descriptors(int& report, std::vector<int> from) {
  constexpr int out_of_the_way = 64;
  report = ::fcntl(report, F_DUPFD_CLOEXEC, out_of_the_way);
  for (auto& each : from)
    each = ::fcntl(each, F_DUPFD_CLOEXEC, out_of_the_way);
  int next = 3;
  for (int const each : from)
    if (each < 0 || ::dup2(each, next++) < 0)
      give_up(report, spawn_fault::resources, errno);
  return next;
}

[[noreturn]] void become(process_spec const& spec, int report, pipe_ends const& out,
                         pipe_ends const& err, std::vector<file_descriptor> const& inherited) {
  auto const names = candidates(spec);
  auto const argv = pointers(spec.argv);
  auto const env = pointers(spec.env);
  ::setsid();
  default_signals();
  int const nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::dup2(nothing, STDIN_FILENO);
  if (::chdir(spec.cwd.empty() ? "/" : spec.cwd.c_str()) != 0)
    give_up(report, spawn_fault::chdir, errno);
  place_output(report, spec.stdout_path, out.write, STDOUT_FILENO, spawn_fault::open_stdout);
  place_output(report, spec.stderr_path, err.write, STDERR_FILENO, spawn_fault::open_stderr);
  std::vector<int> kept;
  for (auto const& each : inherited)
    kept.push_back(each.get());
  if (spec.reads_own_output)
    kept.insert(kept.end(), {out.read.get(), err.read.get()});
  auto const end = kept.empty() ? 3 : place_descriptors(report, std::move(kept));
  ::close_range(static_cast<unsigned>(end), UINT_MAX, CLOSE_RANGE_CLOEXEC);
  int why = ENOENT;
  for (auto const& name : names) {
    ::execve(name.c_str(), argv.data(), env.data());
    // A file that may not be run says more than one that is not there.
    if (errno != ENOENT && errno != ENOTDIR)
      why = errno;
    if (why == E2BIG)
      break;
  }
  give_up(report, spawn_fault::exec, why);
}

bool open_pipe(pipe_ends& ends) {
  std::array<int, 2> both{};
  if (::pipe2(both.data(), O_CLOEXEC) != 0)
    return false;
  ends.read = file_descriptor{both[0]};
  ends.write = file_descriptor{both[1]};
  return true;
}

started_program failed(spawn_fault fault, int error) {
  started_program none;
  none.fault = fault;
  none.fault_errno = error;
  return none;
}

}  // namespace

started_program start_program(process_spec const& spec,
                              std::vector<file_descriptor> const& inherited) {
  if (spec.argv.empty() || spec.argv.front().empty())
    return failed(spawn_fault::exec, EINVAL);
  pipe_ends out;
  pipe_ends err;
  pipe_ends report;
  bool const piped = (!spec.stdout_path.empty() || open_pipe(out)) &&
                     (!spec.stderr_path.empty() || open_pipe(err));
  if (!piped || !open_pipe(report))
    return failed(spawn_fault::resources, errno);
  for (auto* ends : {&out, &err})
    if (ends->read)
      ::fcntl(ends->read.get(), F_SETFL, O_NONBLOCK);
  pid_t const pid = ::fork();
  if (pid < 0)
    return failed(spawn_fault::resources, errno);
  if (pid == 0)
    become(spec, report.write.get(), out, err, inherited);
  report.write.reset();
  child_fault told{};
  ssize_t count = 0;
  while ((count = ::read(report.read.get(), &told, sizeof told)) < 0 && errno == EINTR) {
  }
  if (count == static_cast<ssize_t>(sizeof told)) {
    ::waitpid(pid, nullptr, 0);
    return failed(told.fault, told.error);
  }
  started_program program;
  program.pid = pid;
  program.out = std::move(out.read);
  program.err = std::move(err.read);
  return program;
}

std::string describe_fault(process_spec const& spec, spawn_fault fault, int fault_errno) {
  std::string const why = std::strerror(fault_errno);
  switch (fault) {
    case spawn_fault::none:
      return {};
    case spawn_fault::chdir:
      return "cwd: " + spec.cwd + ": " + why;
    case spawn_fault::open_stdout:
      return "stdout_path: " + spec.stdout_path + ": " + why;
    case spawn_fault::open_stderr:
      return "stderr_path: " + spec.stderr_path + ": " + why;
    case spawn_fault::open_log:
      return "log_path: " + spec.log_path + ": " + why;
    case spawn_fault::exec:
      return "argv[0]: " + (spec.argv.empty() ? std::string{"nothing"} : spec.argv.front()) + ": " +
             why;
    case spawn_fault::resources:
      return "the node could not make a process: " + why;
  }
  return why;
}

}  // namespace nsai::processes
