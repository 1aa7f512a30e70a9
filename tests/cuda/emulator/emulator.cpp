#include "tests/cuda/emulator/emulator.hpp"

#include <memory>
#include <stdexcept>
#include <vector>

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
};

struct fiber {
  ucontext_t context{};
  std::unique_ptr<char[]> stack = std::make_unique<char[]>(stack_bytes);
  bool over = false;
  bool waits = false;
  place where;
};

struct running_block {
  std::vector<fiber> fibers;
  std::size_t now = 0;
  std::size_t turns = 0;
  ucontext_t home{};
  std::function<void()> const* kernel = nullptr;
  meeting all;
  std::vector<meeting> warps;
  std::vector<float> lanes;
  std::vector<double> shared;  // aligned for anything that is used
};

running_block* the_block = nullptr;

fiber& self() {
  return the_block->fibers[the_block->now];
}

void give_way() {
  auto& mine = self();
  ::swapcontext(&mine.context, &the_block->home);
}

void meet(meeting& with) {
  auto const time = with.times;
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

void begin() {
  (*the_block->kernel)();
  self().over = true;
  give_way();
}

/// True when somebody got further.
bool turn(running_block& b) {
  bool moved = false;
  // Another order each time: what is only right in one shows.
  auto const count = b.fibers.size();
  auto const first = ++b.turns * 37;
  for (std::size_t i = 0; i < count; ++i) {
    b.now = (first + (b.turns % 2 == 0 ? i : count - 1 - i)) % count;
    auto& f = b.fibers[b.now];
    if (f.over)
      continue;
    auto const before = b.all.times;
    unsigned warps_before = 0;
    for (auto const& w : b.warps)
      warps_before += w.times;
    bool const waited = f.waits;
    ::swapcontext(&b.home, &f.context);
    unsigned warps_after = 0;
    for (auto const& w : b.warps)
      warps_after += w.times;
    moved = moved || f.over || !waited || !f.waits || before != b.all.times ||
            warps_before != warps_after;
  }
  return moved;
}

unsigned volume(dim3 const& d) {
  return d.x * d.y * d.z;
}

void start_threads(running_block& b, dim3 blocks, dim3 threads, uint3 block) {
  auto const count = volume(threads);
  b.all = {count};
  b.warps.assign((count + warp_size - 1) / warp_size, {});
  for (unsigned i = 0; i < count; ++i) {
    auto& f = b.fibers[i];
    ++b.warps[i / warp_size].members;
    f.over = false;
    f.waits = false;
    f.where = {{i % threads.x, i / threads.x % threads.y, i / threads.x / threads.y},
               block,
               threads,
               blocks};
    ::getcontext(&f.context);
    f.context.uc_stack.ss_sp = f.stack.get();
    f.context.uc_stack.ss_size = stack_bytes;
    f.context.uc_link = nullptr;
    ::makecontext(&f.context, begin, 0);
  }
}

void finish(running_block& b) {
  auto const left = [&] {
    std::size_t count = 0;
    for (auto const& f : b.fibers)
      count += f.over ? 0 : 1;
    return count;
  };
  while (left() > 0)
    if (!turn(b))
      throw std::logic_error(
          "threads of a block wait for others that have ended, or that wait "
          "elsewhere");
}

}  // namespace

place const& current() {
  return self().where;
}

void run(dim3 blocks, dim3 threads, std::size_t shared_bytes, std::function<void()> const& kernel) {
  running_block b;
  b.kernel = &kernel;
  b.fibers.resize(volume(threads));
  b.lanes.resize(volume(threads));
  b.shared.resize(shared_bytes / sizeof(double) + 1);
  the_block = &b;
  for (unsigned z = 0; z < blocks.z; ++z)
    for (unsigned y = 0; y < blocks.y; ++y)
      for (unsigned x = 0; x < blocks.x; ++x) {
        start_threads(b, blocks, threads, {x, y, z});
        finish(b);
      }
  the_block = nullptr;
}

void block_barrier() {
  meet(the_block->all);
}

bool block_any(bool mine) {
  the_block->all.any = the_block->all.any || mine;
  meet(the_block->all);
  bool const any = the_block->all.any_before;
  return any;
}

float exchange(float mine, int apart) {
  auto const me = the_block->now;
  auto& warp = the_block->warps[me / warp_size];
  the_block->lanes[me] = mine;
  meet(warp);
  float const theirs = the_block->lanes[me ^ static_cast<std::size_t>(apart)];
  meet(warp);
  return theirs;
}

void* shared_memory() {
  return the_block->shared.data();
}

}  // namespace nsai::tests::emulator
