#include "actors/host_process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stages/on_device.hpp"

namespace nsai::actors {
namespace {

using processes::file_descriptor;

/// Texts that one frame carries at most, beyond its last request.
constexpr std::size_t most_frame_text = 8 * 1024 * 1024;

/// What a host on a GPU loads for its first matrix product, of its own memory.
constexpr std::int64_t cuda_libraries_mb = 1024;

/// Bounds what is moved when only a part of it can be sent.
constexpr std::size_t most_sent_at_once = 1024 * 1024;

file_descriptor checked(int fd, char const* what) {
  if (fd < 0)
    throw std::system_error(errno, std::system_category(), what);
  return file_descriptor{fd};
}

processes::process_spec spec_of(workplace const& where, std::vector<device_grant> const& devices,
                                std::int64_t memory_mb) {
  processes::process_spec spec;
  spec.argv = {where.stage_host.string()};
  auto env = where.base_environment();
  env["CUDA_VISIBLE_DEVICES"] = visible_devices(devices);
  for (auto const& [name, value] : env)
    spec.env.push_back(name + "=" + value);
  spec.memory_limit_mb = memory_mb;
  spec.reads_own_output = true;
  return spec;
}

/// A host that was given more of a device may hold more of its memory than an attempt is allowed.
bool same_or_more(std::vector<device_grant> const& had, std::vector<device_grant> const& now) {
  return std::equal(
      had.begin(), had.end(), now.begin(), now.end(), [](auto const& x, auto const& y) {
        return x.index == y.index && x.memory_mb <= y.memory_mb && x.share_milli <= y.share_milli;
      });
}

stages::host_request request_of(workplace const& where, start_attempt const& attempt,
                                std::uint64_t sequence, bool brief) {
  stages::host_request r;
  r.sequence = sequence;
  r.ref = attempt.ref;
  r.stage = attempt.stage;
  r.options = attempt.options.text;
  r.context = attempt.context.text;
  r.devices = attempt.devices;
  r.array_index = attempt.array_index;
  r.gang = attempt.gang;
  r.step = attempt.step;
  r.log = where.log_of(attempt.ref);
  r.log_limit_bytes = where.log_limit_bytes;
  if (!brief) {
    r.run_dir = where.run_dir_of(attempt.ref);
    r.artifacts = where.artifacts_of(attempt);
  }
  return r;
}

}  // namespace

host_process::host_process(workplace const& where, std::string tenant, std::vector<device_grant> on,
                           std::int64_t memory_mb, processes::process_pool::on_exit done,
                           processes::process_pool::on_live live)
    : tenant_id(std::move(tenant)),
      devices(std::move(on)),
      pool_(where.pool),
      memory_mb_(memory_mb) {
  auto page_file = checked(::memfd_create("nsai-host", MFD_CLOEXEC), "stage host: no memory file");
  void* page = MAP_FAILED;
  if (::ftruncate(page_file.get(), sizeof(stages::host_page)) == 0)
    page = ::mmap(nullptr, sizeof(stages::host_page), PROT_READ | PROT_WRITE, MAP_SHARED,
                  page_file.get(), 0);
  if (page == MAP_FAILED)
    throw std::system_error(errno, std::system_category(), "stage host: no shared page");
  page_ = new (page) stages::host_page;
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw std::system_error(errno, std::system_category(), "stage host: no channel");
  channel_ = file_descriptor{ends[0]};
  ::fcntl(channel_.get(), F_SETFL, O_NONBLOCK);
  std::vector<file_descriptor> inherited;
  inherited.emplace_back(ends[1]);
  inherited.push_back(std::move(page_file));
  handle_ = pool_->start(spec_of(where, devices, memory_mb), std::move(done), std::move(live),
                         std::move(inherited));
  send(stages::host_frame_of(stages::host_frame::setup,
                             stages::host_setup{where.datasets, where.plugins}));
}

host_process::~host_process() {
  if (page_ != nullptr)
    ::munmap(page_, sizeof(stages::host_page));
}

bool host_process::serves(std::string const& tenant, std::vector<device_grant> const& on) const {
  return tenant_id == tenant && same_or_more(devices, on);
}

bool host_process::uses_any(std::vector<device_grant> const& of) const {
  return std::any_of(of.begin(), of.end(), [&](auto const& each) {
    return std::any_of(devices.begin(), devices.end(),
                       [&](auto const& mine) { return mine.index == each.index; });
  });
}

bool host_process::leaves_room(std::int64_t memory_mb) const {
  // CUDA's libraries would be in another host of it, too; a quarter of the bound is left anyway.
  return memory_mb == 0 ||
         ((resident_mb - libraries_mb()) * 2 <= memory_mb && resident_mb * 4 <= memory_mb * 3);
}

std::int64_t host_process::grown_mb() const {
  return resident_mb - first_resident_mb - libraries_mb();
}

std::int64_t host_process::libraries_mb() const {
  return stages::has_real_gpu(devices) ? cuda_libraries_mb : 0;
}

host_view host_process::view() const {
  host_view v;
  v.pid = pid;
  v.tenant_id = tenant_id;
  for (auto const& device : devices)
    v.devices.push_back(device.index);
  v.busy = batch != nullptr;
  if (v.busy && !batch->brief)
    v.running = batch->items.front().attempt.ref;
  v.served = served;
  return v;
}

void host_process::give(workplace const& where, std::shared_ptr<host_batch> work) {
  batch = std::move(work);
  devices = batch->devices();
  base_ = next_;
  watched = 0;
  given = host_clock::now();
  if (batch->memory_mb() != memory_mb_) {
    memory_mb_ = batch->memory_mb();
    pool_->limit_memory(handle_, memory_mb_);
  }
  stages::host_requests message;
  std::size_t text = 0;
  for (auto const& item : batch->items) {
    text += item.attempt.options.text.size() + item.attempt.context.text.size();
    message.requests.push_back(request_of(where, item.attempt, next_++, batch->brief));
    if (text < most_frame_text)
      continue;
    send(stages::host_frame_of(stages::host_frame::run, message));
    message.requests.clear();
    text = 0;
  }
  if (!message.requests.empty())
    send(stages::host_frame_of(stages::host_frame::run, message));
}

host_batch::item* host_process::item_of(std::uint64_t sequence) {
  if (!batch || sequence < base_ || sequence - base_ >= batch->items.size())
    return nullptr;
  return &batch->items[sequence - base_];
}

std::uint64_t host_process::running() const {
  auto const ended = page_->ended.load(std::memory_order_acquire);
  auto const begun = page_->begun.load(std::memory_order_acquire);
  return begun > ended ? begun : 0;
}

bool host_process::begun_anything() const {
  return page_->begun.load(std::memory_order_acquire) >= base_;
}

void host_process::ask_stop(std::size_t item) {
  send(stages::host_frame_of(stages::host_frame::stop, stages::host_stop{sequence_of(item)}));
}

void host_process::kill(processes::process_pool& pool) {
  ending = true;
  pool.stop(handle_, SIGKILL, std::chrono::milliseconds{0});
}

void host_process::send(std::string bytes) {
  if (outgoing_.empty())
    outgoing_ = std::move(bytes);
  else
    outgoing_ += bytes;
}

bool host_process::flush() {
  std::size_t at = 0;
  while (at < outgoing_.size()) {
    auto const sent = ::send(channel_.get(), outgoing_.data() + at,
                             std::min(outgoing_.size() - at, most_sent_at_once), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent < 0 && errno == EAGAIN)
      break;
    if (sent <= 0) {
      outgoing_.clear();  // it is gone: its end is told by the process pool
      return false;
    }
    at += static_cast<std::size_t>(sent);
  }
  outgoing_.erase(0, at);
  return !outgoing_.empty();
}

bool host_process::receive(std::vector<stages::host_frame_reader::frame>& frames) {
  std::array<char, 65536> buffer;
  while (true) {
    auto const count = ::recv(channel_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0 && errno == EAGAIN)
      return true;
    if (count <= 0)
      return false;
    received_.append({buffer.data(), static_cast<std::size_t>(count)});
    while (auto frame = received_.next())
      frames.push_back(std::move(*frame));
    // A host that never stops sending does not keep the pool from the others.
    if (count < static_cast<ssize_t>(buffer.size()) || frames.size() > 64)
      return true;
  }
}

}  // namespace nsai::actors
