# SPDX-License-Identifier: Apache-2.0
"""The context model: what the attributes of anchors are predicted from, in integers, the same on every machine.

Read in this order: neighborhood (who is whose parent, and whose neighbor) · layout (what a network is told, and
gives) · fixed (the model that decoders run). Its float twin, for training, is `anchors/fitting/context_model.py`.
"""
