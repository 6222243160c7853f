"""One map over jobs, wherever they run: in processes of this machine, or on a Dask cluster."""
