import os

from hypothesis import HealthCheck, Phase, settings

# In every run of the tests the same few worlds; `make soak` asks for thousands that are new each time.
_health = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
_phases = [phase for phase in Phase if phase is not Phase.explain]
_all = settings(deadline=None, suppress_health_check=_health, phases=_phases)
settings.register_profile("quick", _all, max_examples=20, derandomize=True, database=None)
settings.register_profile("soak", _all, max_examples=4000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
