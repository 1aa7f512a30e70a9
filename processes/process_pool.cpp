#include "processes/process_pool.hpp"

#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <vector>

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "processes/file_descriptor.hpp"
#include "processes/wire.hpp"

namespace nsai::processes {
namespace {

constexpr std::size_t most_idle_wardens = 64;

file_descriptor checked(int fd, char const* what) {
  if (fd < 0)
    throw std::system_error(errno, std::system_category(), what);
  return file_descriptor{fd};
}

/// The keeper's answer: the socket of a new warden, or why there is none.
struct new_warden {
  file_descriptor socket;
  int error = 0;
  pid_t pid = 0;
};

new_warden receive_warden(int keeper_socket) {
  warden_made message;
  iovec part{&message, sizeof message};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t count = 0;
  while ((count = ::recvmsg(keeper_socket, &header, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
  }
  if (count != static_cast<ssize_t>(sizeof message))
    return {{}, EOWNERDEAD, 0};
  auto const* item = CMSG_FIRSTHDR(&header);
  if (item == nullptr)
    return {{}, message.error != 0 ? message.error : EOWNERDEAD, 0};
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(item), sizeof fd);
  return {file_descriptor{fd}, 0, message.pid};
}

}  // namespace

struct process_pool::state {
  /// One warden: idle, or busy with the program `handle`.
  struct link {
    file_descriptor socket;
    pid_t warden = 0;
    std::string received;
    process_handle handle = 0;
    on_exit done;
    on_live live;
    bool spent = false;  // it waits for what does not end, and takes nothing more
  };
  /// A callback that is due, called without the lock.
  using due = std::function<void()>;

  state(keeper given, on_keeper_gone told)
      : owner(std::move(given)),
        gone(std::move(told)),
        poller(checked(::epoll_create1(EPOLL_CLOEXEC), "process pool: no epoll")),
        wake(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "process pool: no eventfd")) {
    watch(wake.get());
    watch(owner.socket(), EPOLLRDHUP);  // its answers are read by who asks
    loop = std::thread([this] { serve(); });
  }

  void watch(int fd, std::uint32_t for_events = EPOLLIN) {
    epoll_event event{};
    event.events = for_events;
    event.data.fd = fd;
    ::epoll_ctl(poller.get(), EPOLL_CTL_ADD, fd, &event);
  }

  /// Under the lock, so that answers come in order.
  new_warden ask_keeper(keeper_request request) {
    if (::send(owner.socket(), &request, sizeof request, MSG_NOSIGNAL) !=
        static_cast<ssize_t>(sizeof request))
      return {{}, EOWNERDEAD, 0};
    return receive_warden(owner.socket());
  }

  /// A warden that is free; under the lock. Its socket, or -1 and why.
  std::pair<int, int> free_warden() {
    if (!idle.empty()) {
      int const fd = idle.back();
      idle.pop_back();
      return {fd, 0};
    }
    auto made = ask_keeper({keeper_task::make_warden, 0});
    if (!made.socket)
      return {-1, made.error};
    int const fd = made.socket.get();
    links[fd].socket = std::move(made.socket);
    links[fd].warden = made.pid;
    watch(fd);
    return {fd, 0};
  }

  void serve() {
    std::vector<due> calls;
    while (true) {
      std::array<epoll_event, 64> ready{};
      int const count =
          ::epoll_wait(poller.get(), ready.data(), static_cast<int>(ready.size()), -1);
      {
        std::lock_guard const lock{mutex};
        for (int i = 0; i < count; ++i)
          look_at(ready[static_cast<std::size_t>(i)].data.fd, calls);
        drain_wake(calls);
        if (ending && busy.empty())
          ended = true;
      }
      for (auto const& call : calls)
        call();
      calls.clear();
      finished.notify_all();
      std::lock_guard const lock{mutex};
      if (ended)
        return;
    }
  }

  void look_at(int fd, std::vector<due>& calls) {
    if (fd == owner.socket()) {
      ::epoll_ctl(poller.get(), EPOLL_CTL_DEL, fd, nullptr);
      if (gone)
        calls.push_back(gone);
    } else if (fd != wake.get()) {
      read(fd, calls);
    }
  }

  /// Programs that could not be given to a warden are told from this thread, too.
  void drain_wake(std::vector<due>& calls) {
    std::uint64_t number = 0;
    [[maybe_unused]] auto const got = ::read(wake.get(), &number, sizeof number);
    for (auto& each : refused)
      calls.push_back(std::move(each));
    refused.clear();
  }

  void read(int fd, std::vector<due>& calls) {
    auto const found = links.find(fd);
    if (found == links.end())
      return;
    auto& link = found->second;
    std::array<char, 65536> buffer{};
    auto const count = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
      return;
    if (count <= 0)
      return lose(found, calls);
    link.received.append(buffer.data(), static_cast<std::size_t>(count));
    try {
      while (auto message = take_frame(link.received))
        hear(link, *message, calls);
    } catch (std::runtime_error const&) {
      return lose(found, calls);
    }
    if (link.spent)
      links.erase(found);
    else if (link.handle == 0)
      retire_or_keep(found);
  }

  void hear(link& from, frame const& message, std::vector<due>& calls) {
    if (message.kind == frame_kind::live) {
      if (from.live)
        calls.push_back([live = from.live, pid = decode_live(message.body)] { live(pid); });
    } else if (message.kind == frame_kind::over) {
      auto exit = decode_exit(message.body);
      from.spent = exit.is_stuck();
      calls.push_back([done = std::move(from.done), exit = std::move(exit)]() mutable {
        done(std::move(exit));
      });
      busy.erase(from.handle);
      from.handle = 0;
      from.done = {};
      from.live = {};
    }
  }

  void retire_or_keep(std::unordered_map<int, link>::iterator at) {
    if (idle.size() < most_idle_wardens)
      idle.push_back(at->first);
    else
      links.erase(at);  // the warden sees its socket close, and ends
  }

  void lose(std::unordered_map<int, link>::iterator at, std::vector<due>& calls) {
    auto& link = at->second;
    if (link.handle != 0) {
      // What it ran may outlive it by a moment; it is told as over when it is.
      ask_keeper({keeper_task::bury_warden, link.warden});
      process_exit exit;
      exit.lost = true;
      calls.push_back([done = std::move(link.done), exit]() mutable { done(std::move(exit)); });
      busy.erase(link.handle);
    }
    std::erase(idle, at->first);
    links.erase(at);
  }

  void poke() {
    std::uint64_t const one = 1;
    [[maybe_unused]] auto const written = ::write(wake.get(), &one, sizeof one);
  }

  keeper owner;
  on_keeper_gone gone;
  file_descriptor poller;
  file_descriptor wake;
  std::mutex mutex;
  std::condition_variable finished;
  std::unordered_map<int, link> links;           // by socket
  std::vector<int> idle;                         // sockets
  std::unordered_map<process_handle, int> busy;  // -> socket
  std::vector<due> refused;
  process_handle next = 1;
  bool ending = false;
  bool ended = false;
  std::thread loop;
};

process_pool::process_pool(keeper owner, on_keeper_gone gone)
    : state_(std::make_unique<state>(std::move(owner), std::move(gone))) {}

process_pool::~process_pool() {
  std::vector<process_handle> left;
  {
    std::lock_guard const lock{state_->mutex};
    for (auto const& [handle, socket] : state_->busy)
      left.push_back(handle);
  }
  for (auto const handle : left)
    stop(handle, SIGKILL, std::chrono::milliseconds{0});
  {
    std::unique_lock lock{state_->mutex};
    state_->ending = true;
    state_->poke();
    state_->finished.wait_for(lock, std::chrono::seconds{10}, [&] { return state_->ended; });
    // What the kernel has not ended by now is reported as lost by closing its warden's socket.
    state_->ended = true;
    state_->poke();
  }
  state_->loop.join();
  for (auto& [socket, link] : state_->links) {
    if (link.handle == 0)
      continue;
    process_exit exit;
    exit.lost = true;
    link.done(std::move(exit));
  }
}

process_handle process_pool::start(process_spec spec, on_exit done, on_live live,
                                   std::vector<file_descriptor> inherited) {
  spec.inherited = static_cast<std::int32_t>(inherited.size());
  std::vector<int> descriptors;
  for (auto const& each : inherited)
    descriptors.push_back(each.get());
  auto const bytes = encode(spec);
  std::lock_guard const lock{state_->mutex};
  auto const handle = state_->next++;
  // An idle warden may have died since it was last heard of; the next one, or a new one, serves.
  while (true) {
    auto const [fd, error] = state_->free_warden();
    if (fd < 0) {
      process_exit exit;
      exit.fault = spawn_fault::resources;
      exit.fault_errno = error;
      exit.fault_text = std::string{"the node has no warden for it: "} + std::strerror(error);
      state_->refused.push_back(
          [done = std::move(done), exit]() mutable { done(std::move(exit)); });
      state_->poke();
      return handle;
    }
    if (!send_all(fd, bytes, descriptors)) {
      state_->links.erase(fd);
      continue;
    }
    auto& link = state_->links.at(fd);
    link.handle = handle;
    link.done = std::move(done);
    link.live = std::move(live);
    state_->busy[handle] = fd;
    return handle;
  }
}

void process_pool::stop(process_handle handle, int signal, std::chrono::milliseconds grace) {
  std::lock_guard const lock{state_->mutex};
  auto const found = state_->busy.find(handle);
  if (found != state_->busy.end())
    send_all(found->second, encode(stop_order{signal, grace.count()}));
}

void process_pool::limit_memory(process_handle handle, std::int64_t memory_limit_mb) {
  std::lock_guard const lock{state_->mutex};
  auto const found = state_->busy.find(handle);
  if (found != state_->busy.end())
    send_all(found->second, encode_limit(memory_limit_mb));
}

std::size_t process_pool::running() const {
  std::lock_guard const lock{state_->mutex};
  return state_->busy.size();
}

}  // namespace nsai::processes
