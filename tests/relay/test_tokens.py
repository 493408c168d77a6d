"""Tokens are JWTs with HS256, and no other text is accepted. Compared with PyJWT."""

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobifai.errors import SignInRefused
from mobifai.relay.tokens import Tokens

SECRET = b"s" * 32
NOW = 1_800_000_000.0
TOKENS = Tokens(SECRET)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(texts, texts, texts)
def test_pyjwt_reads_issued_tokens(user: str, email: str, name: str) -> None:
    token = TOKENS.issue(user_id=user, email=email, name=name, kind="mobile", token_id="t", now=NOW)
    found = jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False})
    assert (found["id"], found["email"], found["name"], found["type"]) == (user, email, name, "mobile")
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}


@given(texts, texts)
def test_tokens_of_pyjwt_are_read(user: str, name: str) -> None:
    claims = {"id": user, "email": "", "name": name, "type": "mac", "jti": "t", "iat": int(NOW), "exp": int(NOW) + 60}
    found = TOKENS.read(jwt.encode(claims, SECRET, algorithm="HS256"), NOW)
    assert (found.id, found.name) == (user, name)


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_is_refused(algorithm: str) -> None:
    claims = {"id": "", "email": "", "name": "", "type": "mac", "jti": "t", "iat": int(NOW), "exp": int(NOW) + 60}
    with pytest.raises(SignInRefused):
        TOKENS.read(jwt.encode(claims, SECRET * 2, algorithm=algorithm), NOW)


def test_a_header_that_names_another_algorithm_is_refused_also_with_our_signature() -> None:
    token = TOKENS.issue(user_id="u", email="", name="", kind="mac", token_id="t", now=NOW)
    claims = token.split(".")[1]
    for header in ('{"alg":"none"}', '{"alg":"RS256"}', "[]", ""):
        signed = f"{jwt.utils.base64url_encode(header.encode()).decode()}.{claims}"
        signature = TOKENS._signature(signed)
        with pytest.raises(SignInRefused):
            TOKENS.read(f"{signed}.{signature}", NOW)


@given(st.text(max_size=80))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(SignInRefused):
        TOKENS.read(text, NOW)


@given(st.integers(0, 200), st.characters(codec="ascii"))
def test_a_token_with_one_character_changed_is_refused(place: int, other: str) -> None:
    token = TOKENS.issue(user_id="u", email="e", name="n", kind="mac", token_id="t", now=NOW)
    place %= len(token)
    if token[place] != other:
        with pytest.raises(SignInRefused):
            TOKENS.read(token[:place] + other + token[place + 1 :], NOW)
