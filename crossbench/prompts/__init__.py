"""Prompts: canonical tokenisation, chat template, synthetic prompts, salts and hashes.

`PromptBook` in `book` is the face that plan and run use. Data flows one way::

    folder -> tokenizer, template -> render (+ synthetic) -> salt -> book
"""
