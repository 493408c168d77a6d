"""A synthetic phone that speaks the protocol as the apps do, and checks what it receives.

`phone.Phone` is the phone, `interface` has the methods that every kind of phone offers, and `state` has what a phone
remembers. `relay_connection` and `peer_connection` are its transports. `expected_output` checks terminal output byte
for byte.
"""
