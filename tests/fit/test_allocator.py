"""ggml's allocator, rule by rule."""

from __future__ import annotations

from crossbench.fit.allocator import Pool, Tensor, buffers


def test_blocks_are_padded() -> None:
    pool = Pool(32)
    assert [pool.take(1), pool.take(33), pool.take(32)] == [0, 32, 96]
    assert pool.high == 128


def test_the_smallest_hole_that_holds_it_is_taken() -> None:
    pool = Pool(1)
    large, _, small, _ = pool.take(100), pool.take(1), pool.take(50), pool.take(1)
    pool.give_back(large, 100)
    pool.give_back(small, 50)
    assert pool.take(40) == small
    assert pool.take(60) == large
    assert pool.take(60) == 152


def test_of_equal_holes_the_last_is_taken() -> None:
    pool = Pool(1)
    first, _, second, _ = (pool.take(10) for _ in range(4))
    pool.give_back(first, 10)
    pool.give_back(second, 10)
    assert pool.take(10) == second


def test_neighbouring_holes_become_one() -> None:
    pool = Pool(1)
    blocks = [pool.take(10) for _ in range(4)]
    for block in (blocks[0], blocks[2], blocks[1]):
        pool.give_back(block, 10)
    assert pool.take(30) == 0
    assert pool.high == 40


def test_what_nobody_needs_any_more_is_written_over() -> None:
    first = Tensor(100, 0)
    second = Tensor(100, 0, (first,))
    third = Tensor(100, 0, (second,))
    assert buffers([first, second, third], 1) == {0: 200}


def test_a_result_takes_over_its_operand() -> None:
    first = Tensor(100, 0)
    second = Tensor(100, 0, (first,), over=(first,))
    assert buffers([first, second], 1) == {0: 100}


def test_but_not_one_that_others_need_or_that_is_kept() -> None:
    first = Tensor(100, 0)
    second = Tensor(100, 0, (first,), over=(first,))
    assert buffers([first, second, Tensor(1, 0, (first, second))], 1) == {0: 201}
    kept = Tensor(100, 0, kept=True)
    assert buffers([kept, Tensor(100, 0, (kept,), over=(kept,))], 1) == {0: 200}


def test_inputs_are_placed_before_all_else() -> None:
    first = Tensor(50, 0)
    assert buffers([first, Tensor(1, 0, (first,)), Tensor(40, 0, input=True)], 1) == {0: 91}


def test_devices_have_buffers_of_their_own() -> None:
    first = Tensor(100, 0)
    assert buffers([first, Tensor(70, 1, (first,))], 1) == {0: 100, 1: 70}
