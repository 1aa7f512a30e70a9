#include "tests/cuda/emulator/emulator.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <setjmp.h>
#include <ucontext.h>

namespace nsai::tests::emulator {
namespace {

constexpr std::size_t stack_bytes = 128 * 1024;
constexpr unsigned warp_size = 32;

/// Those that meet: all of a block, or of a warp.
struct meeting {
  unsigned members = 0;
  unsigned arrived = 0;
  unsigned times = 0;
  bool any = false;
  bool any_before = false;
  barrier_site site;  // where the first of them waits
};

/// One that can be left and gone back to. Its first entry is by ucontext; after that the stack is
/// changed by longjmp, which unlike swapcontext asks the kernel nothing. The address sanitizer
/// knows the latter only.
class resumable {
 public:
  resumable() = default;
  resumable(resumable const&) = delete;
  resumable& operator=(resumable const&) = delete;

  void enter_at(void (*function)()) {
    stack_ = std::make_unique_for_overwrite<char[]>(stack_bytes);
    ::getcontext(&context_);
    context_.uc_stack.ss_sp = stack_.get();
    context_.uc_stack.ss_size = stack_bytes;
    context_.uc_link = nullptr;
    ::makecontext(&context_, function, 0);
  }

#ifdef __SANITIZE_ADDRESS__
  void switch_to(resumable& other) {
    ::swapcontext(&context_, &other.context_);
  }
#else
  void switch_to(resumable& other) {
    if (_setjmp(jump_) != 0)
      return;
    if (std::exchange(other.entered_, true) || !other.stack_)
      _longjmp(other.jump_, 1);
    ::setcontext(&other.context_);
  }
#endif

 private:
  ucontext_t context_{};
  std::unique_ptr<char[]> stack_;
#ifndef __SANITIZE_ADDRESS__
  jmp_buf jump_{};
  bool entered_ = false;
#endif
};

/// Runs one thread of a block after the other.
struct fiber {
  resumable at;
  bool over = true;
  bool waits = false;
  place where;
};

struct running_block {
  std::vector<std::unique_ptr<fiber>> fibers;
  std::size_t count = 0;  // of them that are threads of this block
  std::size_t now = 0;
  std::size_t turns = 0;
  resumable home;
  std::function<void()> const* kernel = nullptr;
  meeting all;
  std::vector<meeting> warps;
  std::vector<float> lanes;
  std::vector<double> shared;  // aligned for anything that is used
  std::string fault;
};

std::unique_ptr<running_block> the_block;

fiber& self() {
  return *the_block->fibers[the_block->now];
}

void give_way() {
  self().at.switch_to(the_block->home);
}

void meet(meeting& with, barrier_site site) {
  auto const time = with.times;
  if (with.arrived == 0)
    with.site = site;
  else if (with.site.line() != site.line())
    the_block->fault = "threads of a block wait for each other at lines " +
                       std::to_string(with.site.line()) + " and " + std::to_string(site.line());
  if (++with.arrived == with.members) {
    with.arrived = 0;
    ++with.times;
    with.any_before = with.any;
    with.any = false;
    return;
  }
  self().waits = true;
  while (with.times == time)
    give_way();
  self().waits = false;
}

void live() {
  for (;;) {
    (*the_block->kernel)();
    self().over = true;
    give_way();
  }
}

unsigned times_met(running_block const& b) {
  unsigned times = b.all.times;
  for (auto const& w : b.warps)
    times += w.times;
  return times;
}

/// True when somebody got further.
bool turn(running_block& b) {
  bool moved = false;
  // Another order each time: what is only right in one shows.
  auto const first = ++b.turns * 37;
  for (std::size_t i = 0; i < b.count; ++i) {
    b.now = (first + (b.turns % 2 == 0 ? i : b.count - 1 - i)) % b.count;
    auto& f = self();
    if (f.over)
      continue;
    auto const before = times_met(b);
    bool const waited = f.waits;
    b.home.switch_to(f.at);
    moved = moved || f.over || !waited || !f.waits || before != times_met(b);
  }
  return moved;
}

unsigned volume(dim3 const& d) {
  return d.x * d.y * d.z;
}

void start_threads(running_block& b, dim3 blocks, dim3 threads, uint3 block) {
  b.all = {};
  b.all.members = static_cast<unsigned>(b.count);
  b.warps.assign((b.count + warp_size - 1) / warp_size, {});
  std::fill(b.shared.begin(), b.shared.end(), std::numeric_limits<double>::quiet_NaN());
  for (unsigned i = 0; i < b.count; ++i) {
    auto& f = *b.fibers[i];
    ++b.warps[i / warp_size].members;
    f.over = false;
    f.waits = false;
    f.where = {{i % threads.x, i / threads.x % threads.y, i / threads.x / threads.y},
               block,
               threads,
               blocks};
  }
}

void finish(running_block& b) {
  auto const is_over = [](auto const& f) { return f->over; };
  while (!std::all_of(b.fibers.begin(), b.fibers.end(), is_over)) {
    if (!turn(b) && b.fault.empty())
      b.fault = "threads of a block wait for others that have ended, or that wait elsewhere";
    if (!b.fault.empty())
      throw std::logic_error(b.fault);
  }
}

}  // namespace

place const& current() {
  return self().where;
}

void run(dim3 blocks, dim3 threads, std::size_t shared_bytes, std::function<void()> const& kernel) {
  if (!the_block)
    the_block = std::make_unique<running_block>();
  auto& b = *the_block;
  b.kernel = &kernel;
  b.count = volume(threads);
  b.lanes.resize(b.count);
  b.shared.resize(shared_bytes / sizeof(double) + 1);
  while (b.fibers.size() < b.count) {
    b.fibers.push_back(std::make_unique<fiber>());
    b.fibers.back()->at.enter_at(live);
  }
  try {
    for (unsigned z = 0; z < blocks.z; ++z)
      for (unsigned y = 0; y < blocks.y; ++y)
        for (unsigned x = 0; x < blocks.x; ++x) {
          start_threads(b, blocks, threads, {x, y, z});
          finish(b);
        }
  } catch (...) {
    the_block.reset();  // fibers are left in the middle of a kernel
    throw;
  }
}

cudaError_t launch_fault(dim3 blocks, dim3 threads, std::size_t shared_bytes) {
  constexpr unsigned most_blocks = 65'535;  // but along x
  bool const blocks_fit = blocks.x > 0 && blocks.x <= 0x7fffffffU && blocks.y > 0 &&
                          blocks.y <= most_blocks && blocks.z > 0 && blocks.z <= most_blocks;
  bool const threads_fit = volume(threads) > 0 && volume(threads) <= 1024 && threads.z <= 64;
  if (!blocks_fit || !threads_fit)
    return cudaErrorInvalidConfiguration;
  return shared_bytes > 48 * 1024 ? cudaErrorInvalidValue : cudaSuccess;  // unless asked for
}

void block_barrier(barrier_site site) {
  meet(the_block->all, site);
}

bool block_any(bool mine, barrier_site site) {
  the_block->all.any = the_block->all.any || mine;
  meet(the_block->all, site);
  return the_block->all.any_before;
}

float exchange(float mine, int apart, barrier_site site) {
  auto const me = the_block->now;
  auto& warp = the_block->warps[me / warp_size];
  the_block->lanes[me] = mine;
  meet(warp, site);
  float const theirs = the_block->lanes[me ^ static_cast<std::size_t>(apart)];
  meet(warp, site);
  return theirs;
}

void* shared_memory() {
  return the_block->shared.data();
}

}  // namespace nsai::tests::emulator
