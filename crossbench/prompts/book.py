"""All prompts of a suite: what each request of a run is given, for every target the same."""

from __future__ import annotations

from pathlib import Path

from crossbench.errors import InputError
from crossbench.prompts.digest import prompts_sha256
from crossbench.prompts.render import RenderedPrompt, Renderer
from crossbench.prompts.salt import Salter
from crossbench.prompts.scoring import scoring_set
from crossbench.prompts.synthetic import synthetic_ids
from crossbench.prompts.tokenizer import CanonicalTokenizer
from crossbench.suite.model import Prompt, Scenario, Suite


class PromptBook:
    """Ids by scenario, request, launch and pass. No target is ever named: all get the same.

    Made from a whole suite, whatever part of it then runs, so that a run of one part, or a
    resumed one, gives the prompts that a complete run gives.

    Indices begin at 0. There is room for one launch more than the protocol asks for (a burn-in),
    and for twice its repeats (the drift sentinel measures a scenario again and counts on). Each
    combination has a salt of its own, so no two requests of a run share their first content.
    A request's number counts within its pass, which under load takes the scenario's prompts in
    turn, again and again; without, it is its prompt.
    """

    @classmethod
    def open(cls, suite: Suite) -> PromptBook:
        """Load the suite's tokenizer and render its prompts; raises InputError."""
        return cls(CanonicalTokenizer.load(Path(suite.model.tokenizer)), suite)

    def __init__(self, tokenizer: CanonicalTokenizer, suite: Suite) -> None:
        """Render everything; raises InputError that names the scenario and the prompt."""
        self.tokenizer = tokenizer
        self._seed = suite.protocol.seed
        self._launches = suite.protocol.launches + 1
        self._repeats = 2 * suite.protocol.repeats
        self._warmups = suite.protocol.warmups
        self._first: dict[str, int] = {}
        self._requests = {scenario.name: scenario.requests for scenario in suite.scenarios}
        requests = 0
        for name, count in self._requests.items():
            self._first[name] = requests
            requests += count
        self._measured = requests * self._launches * self._repeats
        count = self._measured + requests * self._launches * self._warmups
        self._salter = Salter(tokenizer, self._seed, count)
        renderer = Renderer(
            tokenizer=tokenizer,
            arguments=suite.model.template_args,
            seed=self._seed,
            salt_tokens=self._salter.tokens,
        )
        self._rendered = {
            scenario.name: tuple(
                _render(renderer, scenario, index, prompt)
                for index, prompt in enumerate(scenario.prompts)
            )
            for scenario in suite.scenarios
        }
        self.context_tokens = max(
            self.prompt_tokens(scenario.name, index) + scenario.output_tokens
            for scenario in suite.scenarios
            for index in range(len(scenario.prompts))
        )
        """The longest prompt plus output of any request, in tokens."""
        self.forces = any(scenario.forced for scenario in suite.scenarios)
        """Whether some scenario decodes along given ids."""
        self.scoring = scoring_set(suite.quality, tokenizer) if suite.quality else None

    @property
    def salt_tokens(self) -> int:
        """Tokens of every salt."""
        return self._salter.tokens

    def rendered(self, scenario: str) -> tuple[RenderedPrompt, ...]:
        """The scenario's prompts in canonical form, unsalted."""
        return self._rendered[scenario]

    def prompt_tokens(self, scenario: str, prompt: int) -> int:
        """P: tokens of a prompt as it is sent, BOS, template and salt included."""
        return len(self._rendered[scenario][prompt].ids) + self._salter.tokens

    def sha256(self, scenario: str) -> str:
        """Hash over the scenario's unsalted prompts, in order."""
        return prompts_sha256(prompt.ids for prompt in self._rendered[scenario])

    def salted(self, scenario: str, request: int, launch: int, repeat: int) -> tuple[int, ...]:
        """What a timed request is given."""
        place = self._place(scenario, request, launch, repeat, self._repeats)
        prompt = self._prompt(scenario, request)
        ids = self._salter.salted(self._rendered[scenario][prompt], place)
        assert len(ids) == self.prompt_tokens(scenario, prompt)
        return ids

    def warmup(self, scenario: str, request: int, launch: int, warmup: int) -> tuple[int, ...]:
        """What an untimed request is given: the same head and length as `salted`, other words.

        Its salt is one that no timed request has, so it differs from all of them for certain.
        """
        place = self._place(scenario, request, launch, warmup, self._warmups)
        prompt = self._prompt(scenario, request)
        measured = self._rendered[scenario][prompt]
        seed = ("warmup", self._seed, scenario, request, launch, warmup)
        head = measured.ids[: measured.content_at]
        body = synthetic_ids(self.tokenizer, seed, len(measured.ids) - len(head))
        ids = head + self._salter.salt(self._measured + place) + body
        assert len(ids) == self.prompt_tokens(scenario, prompt)
        return ids

    def alone(self, scenario: str, launch: int, number: int) -> tuple[int, ...]:
        """What is sent to see the energy of prefill: as long as the prompts are, which it takes in
        turn, and of other words for each number."""
        return self._plain("alone", scenario, launch, number, None)

    def brief(self, scenario: str, launch: int, number: int) -> tuple[int, ...]:
        """What is sent to see the energy of decoding: hardly more than BOS and template."""
        return self._plain("brief", scenario, launch, number, self._salter.tokens)

    def spare(self, scenario: str, number: int) -> tuple[int, ...]:
        """What a background is kept busy with: as long as the prompts are, which it takes in turn,
        and of other words for each number."""
        return self._plain("spare", scenario, 0, number, None)

    def _plain(
        self, kind: str, scenario: str, launch: int, number: int, words: int | None
    ) -> tuple[int, ...]:
        """Plain words behind a prompt's head; None for as many as the prompt has."""
        prompt = self._prompt(scenario, number)
        measured = self._rendered[scenario][prompt]
        head = measured.ids[: measured.content_at]
        rest = self.prompt_tokens(scenario, prompt) - len(head)
        seed = (kind, self._seed, scenario, launch, number)
        return head + synthetic_ids(self.tokenizer, seed, rest if words is None else words)

    def forced(
        self, scenario: str, request: int, launch: int, pass_: int, tokens: int
    ) -> tuple[int, ...]:
        """The output of a forced request: plain words, others for each request."""
        seed = ("forced", self._seed, scenario, request, launch, pass_)
        return synthetic_ids(self.tokenizer, seed, tokens)

    def _prompt(self, scenario: str, request: int) -> int:
        """The prompt that a request of a pass takes."""
        return request % len(self._rendered[scenario])

    @property
    def used_ids(self) -> frozenset[int]:
        """Ids that must mean the same to every engine: all plain ones, of which salts and forced
        outputs are made, and the special ones of the prompts."""
        prompts = (prompt.ids for rendered in self._rendered.values() for prompt in rendered)
        return frozenset(self.tokenizer.plain_ids).union(*prompts)

    def _place(self, scenario: str, request: int, launch: int, pass_: int, passes: int) -> int:
        """A number of its own for each combination, counted in mixed radix."""
        digits = (
            ("request", request, self._requests[scenario]),
            ("launch", launch, self._launches),
            ("pass", pass_, passes),
        )
        for name, digit, base in digits:
            if not 0 <= digit < base:
                raise ValueError(f"scenario {scenario}: {name} {digit} of {base}")
        return ((self._first[scenario] + request) * self._launches + launch) * passes + pass_


def _render(renderer: Renderer, scenario: Scenario, index: int, prompt: Prompt) -> RenderedPrompt:
    try:
        return renderer.render(prompt, index)
    except InputError as error:
        raise InputError(f"scenario {scenario.name}, prompt {index + 1}: {error}") from None
