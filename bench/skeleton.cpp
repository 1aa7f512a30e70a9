// The physical limit that the job rates are measured against: the same path (client over TCP,
// scheduler actor, detached SQLite store with grouped commits, executor) without any scheduling,
// checks, fences, events or waiting clients.
//   bench_skeleton serve PORT DIR        bench_skeleton load PORT JOBS BATCH        bench_skeleton
//   latency PORT JOBS
#include <algorithm>
#include <chrono>
#include <deque>
#include <iostream>
#include <unordered_map>

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <nlohmann/json.hpp>
#include <sqlite3.h>

namespace {

using clock_type = std::chrono::steady_clock;

struct bare_job {
  std::uint64_t key = 0;
  std::string tenant, stage, options;
};
template <class I>
typename I::result_type inspect(I& f, bare_job& x) {
  return f(x.key, x.tenant, x.stage, x.options);
}
struct bare_submit {
  std::vector<bare_job> jobs;
};
template <class I>
typename I::result_type inspect(I& f, bare_submit& x) {
  return f(x.jobs);
}
struct bare_ends {
  std::vector<std::uint64_t> ids;
};
template <class I>
typename I::result_type inspect(I& f, bare_ends& x) {
  return f(x.ids);
}
struct row {
  std::uint64_t id = 0;
  bool ended = false;
  std::string body;
};
template <class I>
typename I::result_type inspect(I& f, row& x) {
  return f(x.id, x.ended, x.body);
}
struct rows {
  std::vector<row> list;
};
template <class I>
typename I::result_type inspect(I& f, rows& x) {
  return f(x.list);
}
struct bare_attempt {
  std::uint64_t id = 0;
  std::string options;
};
template <class I>
typename I::result_type inspect(I& f, bare_attempt& x) {
  return f(x.id, x.options);
}
struct bare_outcome {
  std::uint64_t id = 0;
  std::string result;
};
template <class I>
typename I::result_type inspect(I& f, bare_outcome& x) {
  return f(x.id, x.result);
}

using hello_atom = caf::atom_constant<caf::atom("hello")>;
using commit_atom = caf::atom_constant<caf::atom("commit")>;
using flush_atom = caf::atom_constant<caf::atom("flush")>;

struct config : caf::actor_system_config {
  config() {
    load<caf::io::middleman>();
    add_message_type<bare_job>("bare_job");
    add_message_type<bare_submit>("bare_submit");
    add_message_type<bare_ends>("bare_ends");
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", std::size_t{2});
  }
};

struct store_state {
  store_state() = default;
  sqlite3* db = nullptr;
  sqlite3_stmt* insert = nullptr;
  sqlite3_stmt* update = nullptr;
  std::vector<row> waiting;
  bool armed = false;
};

caf::behavior store(caf::stateful_actor<store_state>* self, caf::actor scheduler,
                    std::string directory) {
  auto& s = self->state;
  sqlite3_open((directory + "/skeleton.db").c_str(), &s.db);
  sqlite3_exec(s.db,
               "pragma journal_mode=wal; pragma synchronous=full;"
               "create table jobs(id integer primary key, status int, body text)",
               nullptr, nullptr, nullptr);
  sqlite3_prepare_v2(s.db, "insert into jobs values(?,1,?)", -1, &s.insert, nullptr);
  sqlite3_prepare_v2(s.db, "update jobs set status=2, body=?2 where id=?1", -1, &s.update, nullptr);
  return {
      [=](rows& r) {
        auto& state = self->state;
        std::move(r.list.begin(), r.list.end(), std::back_inserter(state.waiting));
        if (!std::exchange(state.armed, true))
          self->send(self, flush_atom::value);
      },
      [=](flush_atom) {
        auto& state = self->state;
        state.armed = false;
        bare_ends inserted;
        bare_ends ended;
        sqlite3_exec(state.db, "begin", nullptr, nullptr, nullptr);
        for (auto const& r : state.waiting) {
          auto* statement = r.ended ? state.update : state.insert;
          sqlite3_bind_int64(statement, 1, static_cast<sqlite3_int64>(r.id));
          sqlite3_bind_text(statement, 2, r.body.data(), static_cast<int>(r.body.size()),
                            SQLITE_STATIC);
          sqlite3_step(statement);
          sqlite3_reset(statement);
          (r.ended ? ended : inserted).ids.push_back(r.id);
        }
        sqlite3_exec(state.db, "commit", nullptr, nullptr, nullptr);
        state.waiting.clear();
        self->send(scheduler, commit_atom::value, std::move(inserted), std::move(ended));
      },
  };
}

caf::behavior executor(caf::event_based_actor* self, caf::actor scheduler) {
  return {[=](bare_attempt& a) {
    self->send(scheduler, bare_outcome{a.id, "{\"text\":" + a.options + "}"});
  }};
}

struct scheduler_state {
  scheduler_state() = default;
  caf::actor store, executor, client;
  std::uint64_t next = 1;
  std::uint64_t committed = 0;
  std::unordered_map<std::uint64_t, std::string> pending;
  std::deque<std::pair<caf::response_promise, std::uint64_t>> unanswered;
};

caf::behavior scheduler(caf::stateful_actor<scheduler_state>* self, std::string directory) {
  self->state.store =
      self->spawn<caf::detached>(store, caf::actor_cast<caf::actor>(self), directory);
  self->state.executor = self->spawn(executor, caf::actor_cast<caf::actor>(self));
  return {
      [=](hello_atom, caf::actor client) {
        self->state.client = client;
        return 1;
      },
      [=](bare_submit& m) {
        auto& s = self->state;
        auto promise = self->make_response_promise();
        rows inserts;
        for (auto& job : m.jobs) {
          auto const id = s.next++;
          inserts.list.push_back({id, false, job.tenant + job.stage + job.options});
          s.pending.emplace(id, std::move(job.options));
        }
        s.unanswered.emplace_back(promise, s.next - 1);
        self->send(s.store, std::move(inserts));
        return promise;
      },
      [=](commit_atom, bare_ends& inserted, bare_ends& ended) {
        auto& s = self->state;
        for (auto const id : inserted.ids) {
          auto const found = s.pending.find(id);
          self->send(s.executor, bare_attempt{id, std::move(found->second)});
          s.pending.erase(found);
          s.committed = id;
        }
        while (!s.unanswered.empty() && s.unanswered.front().second <= s.committed) {
          s.unanswered.front().first.deliver(s.unanswered.front().second);
          s.unanswered.pop_front();
        }
        if (!ended.ids.empty())
          self->send(s.client, std::move(ended));
      },
      [=](bare_outcome& o) {
        self->send(self->state.store, rows{{{o.id, true, std::move(o.result)}}});
      },
  };
}

bare_submit batch_of(int count, int from) {
  bare_submit m;
  for (int i = 0; i < count; ++i)
    m.jobs.push_back({static_cast<std::uint64_t>(from + i), "acme", "echo",
                      "{\"text\":\"hello " + std::to_string(from + i) + "\"}"});
  return m;
}

double seconds_since(clock_type::time_point begin) {
  return std::chrono::duration<double>(clock_type::now() - begin).count();
}

void load(caf::scoped_actor& self, caf::actor const& server, int jobs, int batch) {
  auto const begin = clock_type::now();
  for (int sent = 0; sent < jobs; sent += batch)
    self->send(server, batch_of(std::min(batch, jobs - sent), sent));
  int ended = 0;
  double acknowledged_s = 0;
  self->receive_while([&] { return ended < jobs; })(
      [&](bare_ends const& m) { ended += static_cast<int>(m.ids.size()); },
      [&](std::uint64_t) { acknowledged_s = seconds_since(begin); });
  std::cout << nlohmann::json{{"what", "skeleton"},
                              {"batch", batch},
                              {"jobs_per_s", jobs / seconds_since(begin)},
                              {"acknowledged_per_s", jobs / acknowledged_s}}
            << std::endl;
}

void latency(caf::scoped_actor& self, caf::actor const& server, int jobs) {
  std::vector<double> ms;
  for (int i = 0; i < jobs; ++i) {
    auto const begin = clock_type::now();
    self->send(server, batch_of(1, i));
    bool ended = false;
    self->receive_while([&] { return !ended; })([&](bare_ends const&) { ended = true; },
                                                [](std::uint64_t) {});
    ms.push_back(seconds_since(begin) * 1000);
  }
  std::sort(ms.begin(), ms.end());
  std::cout << nlohmann::json{{"what", "skeleton"},
                              {"p50_ms", ms[ms.size() / 2]},
                              {"p99_ms", ms[ms.size() * 99 / 100]}}
            << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> const words(argv + 1, argv + argc);
  if (words.size() < 3) {
    std::cerr << "bench_skeleton serve PORT DIR | load PORT JOBS BATCH | latency PORT JOBS\n";
    return 2;
  }
  auto const port = static_cast<std::uint16_t>(std::stoi(words[1]));
  config c;
  caf::actor_system system{c};
  caf::scoped_actor self{system};
  if (words[0] == "serve") {
    auto const server = system.spawn(scheduler, words[2]);
    if (!system.middleman().publish(server, port, "127.0.0.1", true))
      return 1;
    std::cout << "ready" << std::endl;
    self->receive([](int) {});
  }
  auto const remote = system.middleman().remote_actor("127.0.0.1", port);
  if (!remote)
    return 1;
  self->request(*remote, std::chrono::seconds{5}, hello_atom::value,
                caf::actor_cast<caf::actor>(self))
      .receive([](int) {}, [](caf::error&) {});
  if (words[0] == "load" && words.size() > 3)
    load(self, *remote, std::stoi(words[2]), std::stoi(words[3]));
  else
    latency(self, *remote, std::stoi(words[2]));
  std::_Exit(0);
}
