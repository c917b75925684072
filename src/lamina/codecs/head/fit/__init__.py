# SPDX-License-Identifier: Apache-2.0
"""The encoder of the head codec: a clip enters, parts leave."""
