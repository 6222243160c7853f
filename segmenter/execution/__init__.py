"""One map over jobs, which run in processes on this machine or on a Dask cluster."""
