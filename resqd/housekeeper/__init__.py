"""The housekeeper process: what needs the network but is no job."""
