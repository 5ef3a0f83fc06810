"""People who sign in at a service from the page: with a form, or in their browser in two halves."""

from __future__ import annotations

from pipeline.errors import AccountError
from pipeline.signin import Pending, SignIn


class Gone(Exception):  # noqa: N818 - not an error: the person is at the service now
    """Somebody was sent away to sign in."""

    def __init__(self, pending: Pending) -> None:
        self.pending = pending


class Away:
    """A Signer who goes: the sign-in ends here for now."""

    def __init__(self, redirect: str) -> None:
        self._redirect = redirect

    def ask(self, question: str, hidden: bool = False) -> str:
        raise AccountError("This service asks for something that the page does not know.", "Use the command line.")

    def authorized(self, address_for: SignIn) -> str:
        address_for(self._redirect)
        assert address_for.pending is not None
        raise Gone(address_for.pending)


class Back(Away):
    """A Signer who has come back."""

    def __init__(self, pending: Pending, answer: str) -> None:
        super().__init__(pending.redirect)
        self._pending, self._answer = pending, answer

    def authorized(self, address_for: SignIn) -> str:
        address_for.resume(self._pending)
        return self._answer


class NoCode(Exception):  # noqa: N818 - a field of the form is empty
    """A second factor is wanted."""


class Typed:
    """A Signer who has filled in a form: user name, password, and the code where one is asked for."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)

    def ask(self, question: str, hidden: bool = False) -> str:
        answer = self._answers.pop(0) if self._answers else ""
        if not answer:
            raise NoCode
        return answer

    def authorized(self, address_for: SignIn) -> str:
        raise AccountError("This service signs people in in a browser.", "Use the command line.")
