"""A shop behind FastAPI: ``CHAKRA_DATABASE_URL=postgresql://… uvicorn examples.fastapi_app.app:app``."""
