#include "processes/keeper.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <set>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "processes/file_descriptor.hpp"
#include "processes/process_tree.hpp"
#include "processes/warden.hpp"
#include "processes/wire.hpp"

namespace nsai::processes {
namespace {

/// Sends `message`, and `fd` beside it unless it is -1.
void send_with_descriptor(int socket, warden_made message, int fd) {
  iovec part{&message, sizeof message};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (fd >= 0) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    auto* item = CMSG_FIRSTHDR(&header);
    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(item), &fd, sizeof fd);
  }
  ::sendmsg(socket, &header, MSG_NOSIGNAL);
}

class keeper_process {
 public:
  explicit keeper_process(file_descriptor socket) : socket_(std::move(socket)) {
    ::prctl(PR_SET_NAME, "nsai-keeper");
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    // A session of its own: an interrupt typed at the node's terminal is for the node alone.
    ::setsid();
    for (int const signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGQUIT})
      ::signal(signal, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    ::sigprocmask(SIG_SETMASK, &set, nullptr);
    close_all_but_socket();
    signals_ = file_descriptor{::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
  }

  [[noreturn]] void live() {
    while (true) {
      std::array<pollfd, 2> ends{{{socket_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}}};
      ::poll(ends.data(), ends.size(), -1);
      if (ends[1].revents != 0)
        reap();
      if (ends[0].revents != 0 && !serve())
        end();
    }
  }

 private:
  void close_all_but_socket() {
    int const nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int const standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
      ::dup2(nothing, standard);
    int const kept = ::fcntl(socket_.get(), F_DUPFD_CLOEXEC, 3);
    socket_ = file_descriptor{kept};
    if (kept > 3)
      ::close_range(3, static_cast<unsigned>(kept) - 1, 0);
    ::close_range(static_cast<unsigned>(kept) + 1, UINT_MAX, 0);
  }

  [[noreturn]] static void end() {
    // Wardens see the node's end of their sockets close, too; this is for whatever they leave, and
    // for them.
    end_all_descendants();
    ::_exit(0);
  }

  /// One request; false when the node is gone.
  bool serve() {
    keeper_request request;
    auto const count = ::recv(socket_.get(), &request, sizeof request, MSG_DONTWAIT);
    if (count < 0)
      return errno == EAGAIN || errno == EINTR;
    if (count != static_cast<ssize_t>(sizeof request))
      return false;
    if (request.task == keeper_task::make_warden)
      make_warden();
    else
      bury_warden(request.pid);
    return true;
  }

  void make_warden() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
      return send_with_descriptor(socket_.get(), {0, errno}, -1);
    file_descriptor node_end{ends[0]};
    file_descriptor warden_end{ends[1]};
    pid_t const pid = ::fork();
    if (pid == 0) {
      socket_.reset();
      signals_.reset();
      node_end.reset();
      be_warden(std::move(warden_end));
    }
    if (pid < 0)
      return send_with_descriptor(socket_.get(), {0, errno}, -1);
    wardens_.insert(pid);
    send_with_descriptor(socket_.get(), {pid, 0}, node_end.get());
  }

  void bury_warden(pid_t pid) {
    if (wardens_.erase(pid) > 0) {
      // Its end of the socket closes before it is gone and its children come to this process.
      ::kill(pid, SIGKILL);
      while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
    // What hangs in the kernel is not waited for without end: the node waits for the answer.
    constexpr std::chrono::seconds longest{10};
    patience between;
    auto const begin = std::chrono::steady_clock::now();
    while (end_orphans()) {
      if (std::chrono::steady_clock::now() - begin > longest) {
        for (auto const child : children_of(::getpid()))
          if (!wardens_.contains(child))
            given_up_.insert(child);
        break;
      }
      between.wait();
      take_in_the_dead();
    }
    send_with_descriptor(socket_.get(), {pid, 0}, -1);
  }

  /// Kills what wardens have left behind; false when there is nothing that is waited for.
  bool end_orphans() const {
    bool any = false;
    for (auto const child : children_of(::getpid())) {
      if (wardens_.contains(child))
        continue;
      any = any || !given_up_.contains(child);
      for (auto const below : descendants_of(child))
        ::kill(below, SIGKILL);
      ::kill(child, SIGKILL);
    }
    return any;
  }

  /// True when a warden was among them.
  bool take_in_the_dead() {
    bool lost_warden = false;
    pid_t pid = 0;
    while ((pid = ::waitpid(-1, nullptr, WNOHANG)) > 0) {
      lost_warden = wardens_.erase(pid) > 0 || lost_warden;
      given_up_.erase(pid);
    }
    return lost_warden;
  }

  /// Takes in the dead, and ends the orphans of a warden that was killed: they have become children
  /// of this process.
  void reap() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) > 0) {
    }
    if (take_in_the_dead())
      end_orphans();
  }

  file_descriptor socket_;
  file_descriptor signals_;
  std::set<pid_t> wardens_;
  std::set<pid_t> given_up_;  // hang in the kernel
};

}  // namespace

keeper keeper::start() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw std::system_error(errno, std::system_category(), "keeper: no socket");
  file_descriptor node_end{ends[0]};
  file_descriptor keeper_end{ends[1]};
  pid_t const pid = ::fork();
  if (pid < 0)
    throw std::system_error(errno, std::system_category(), "keeper: no process");
  if (pid == 0)
    keeper_process{std::move(keeper_end)}.live();
  return {node_end.release(), pid};
}

keeper::keeper(keeper&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), pid_(std::exchange(other.pid_, -1)) {}

keeper& keeper::operator=(keeper&& other) noexcept {
  if (this != &other) {
    close();
    socket_ = std::exchange(other.socket_, -1);
    pid_ = std::exchange(other.pid_, -1);
  }
  return *this;
}

keeper::~keeper() {
  close();
}

void keeper::close() noexcept {
  if (socket_ >= 0)
    ::close(std::exchange(socket_, -1));
  if (pid_ < 0)
    return;
  // It ends by itself once its socket is closed; what hangs in the kernel is not waited for without
  // end.
  for (int round = 0; round < 10'000; ++round) {
    pid_t const gone = ::waitpid(pid_, nullptr, WNOHANG);
    if (gone == pid_ || (gone < 0 && errno == ECHILD))
      break;
    timespec const pause{0, 1'000'000};
    ::nanosleep(&pause, nullptr);
  }
  pid_ = -1;
}

}  // namespace nsai::processes
