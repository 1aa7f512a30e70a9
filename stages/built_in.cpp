#include "stages/cns/antagonist.hpp"
#include "stages/cns/antagonist_metrics.hpp"
#include "stages/cns/proposer.hpp"
#include "stages/cns/synthesizer.hpp"
#include "stages/cns/synthesizer_metrics.hpp"
#include "stages/data/bench.hpp"
#include "stages/data/data_checks.hpp"
#include "stages/data/guardrails.hpp"
#include "stages/data/labeling_queue.hpp"
#include "stages/data/validate.hpp"
#include "stages/data_load.hpp"
#include "stages/gpu_trials.hpp"
#include "stages/learning/evaluation.hpp"
#include "stages/learning/training.hpp"
#include "stages/proposer_metrics.hpp"
#include "stages/report.hpp"
#include "stages/similarity.hpp"
#include "stages/topology.hpp"
#include "stages/trials.hpp"
#include "stages/work_job.hpp"

namespace nsai::stages {

registry built_in_stages() {
  registry all;
  for (auto make : {make_antagonist,
                    make_antagonist_metrics,
                    make_proposer,
                    make_synthesizer,
                    make_synthesizer_metrics,
                    make_bench,
                    make_data_checks,
                    make_guardrails,
                    make_labeling_queue,
                    make_validate,
                    make_data_load,
                    make_gpu_noop,
                    make_gpu_probe,
                    make_evaluate,
                    make_training,
                    make_proposer_metrics,
                    make_report,
                    make_similarity,
                    make_ngram_features,
                    make_topology,
                    make_echo,
                    make_sleep,
                    make_spin,
                    make_allocate,
                    make_fail,
                    make_flaky,
                    make_crash,
                    make_command,
                    make_work_job,
                    make_await_jobs})
    all.add(make());
  return all;
}

}  // namespace nsai::stages
