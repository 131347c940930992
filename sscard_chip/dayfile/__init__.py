# SPDX-License-Identifier: Apache-2.0
"""Files between till and centre: day file, hotlist, list of pharmacies; text and Parquet."""
