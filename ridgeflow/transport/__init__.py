"""The depth limit: denoising autoencoders as transport of laws."""
